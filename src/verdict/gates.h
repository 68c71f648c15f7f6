/* SPDX-License-Identifier: GPL-2.0-only */
/* gates.h -- limits on rates, latencies, migrations and memory nodes. */
#ifndef KTSTR_VERDICT_GATES_H
#define KTSTR_VERDICT_GATES_H

#include "verdict/check_run.h"

/* Checks one load against all gates. */
void check_gates(struct check_run *run, const struct checked_load *l);
/* Reports gates that the test or the scheduler sets but that applied to no load. */
void check_unasked_gates(struct check_run *run);
/*
 * A limit of the test that applies to none of its loads is Inconclusive. A scheduler's checks are for many tests, so
 * such a limit of the scheduler is only recorded.
 */
void check_unasked(struct check_run *run, enum threshold which);

#endif
