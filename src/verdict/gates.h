/* SPDX-License-Identifier: GPL-2.0-only */
/* gates.h -- limits on rates, latencies, migrations and memory nodes. */
#ifndef KTSTR_VERDICT_GATES_H
#define KTSTR_VERDICT_GATES_H

#include "verdict/check_run.h"

/* Checks one load against all gates. */
void check_gates(struct check_run *run, const struct checked_load *l);
/* Reports gates that the test or the scheduler sets but that applied to no load. */
void check_unasked_gates(struct check_run *run);

#endif
