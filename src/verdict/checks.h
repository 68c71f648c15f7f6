/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checks.h -- compares workers' telemetry with limits, one load after the other: progress, gaps, shares of the CPU,
 * isolation, ends of workers, and the gates of gates.h.
 */
#ifndef KTSTR_VERDICT_CHECKS_H
#define KTSTR_VERDICT_CHECKS_H

#include "verdict/check_run.h"

/* Adds a finding to @j for each check that a load of @e breaks. j->stats must be computed before. */
void check_loads(const struct evidence *e, const struct check_facts *f, struct judgement *j);

/* protocol.c: checks that the guest sent all records that belong to its end. */
void check_protocol(const struct evidence *e, struct judgement *j);

#endif
