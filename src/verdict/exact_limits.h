/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exact_limits.h -- limits on what the recorded schedule says of a load as a whole: percentiles of its wake-ups and
 * waits, migrations, and how much its workers stay in one place.
 */
#ifndef KTSTR_VERDICT_EXACT_LIMITS_H
#define KTSTR_VERDICT_EXACT_LIMITS_H

#include "verdict/check_run.h"

/* Adds at most one finding for each limit that the load has. */
void check_exact_limits(struct check_run *run, const struct checked_load *l);
/* A limit of the test that applied to none of its loads, and one of the scheduler: see check_unasked(). */
void check_unasked_exact_limits(struct check_run *run);

#endif
