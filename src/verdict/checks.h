/* SPDX-License-Identifier: GPL-2.0-only */
/* checks.h -- the checks that hold workers' telemetry against them. */
#ifndef KTSTR_VERDICT_CHECKS_H
#define KTSTR_VERDICT_CHECKS_H

#include "verdict/evidence.h"
#include "verdict/judgement.h"
#include "verdict/thresholds.h"

/* Adds what the workers' telemetry breaks to @j, whose statistics are computed already. */
void check_workers(const struct evidence *e, const struct thresholds *t, struct judgement *j);
/*
 * gates.c: rates, latencies, migrations, memory nodes. Only what has a limit is looked at. @emulated: it ran on tcg,
 * where absolute limits count only if the test says so.
 */
void check_gates(const struct evidence *e, const struct thresholds *t, bool emulated, struct judgement *j);

#endif
