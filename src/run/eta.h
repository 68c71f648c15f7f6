/* SPDX-License-Identifier: GPL-2.0-only */
/* eta.h -- estimates the remaining time of a run: the plan's estimates, scaled by their error so far. Pure. */
#ifndef KTSTR_RUN_ETA_H
#define KTSTR_RUN_ETA_H

#include "base/time.h"

struct eta {
	nsec_t took, expected; /* sums of all tests that have ended */
};

/* The remaining work. */
struct eta_rest {
	nsec_t sum, longest; /* remaining time of all tests; of the longest test */
	unsigned at_once;    /* machines that run at once */
};

/* Notes that a test with the estimate @expected took @took. Ignores tests without an estimate. */
void eta_note(struct eta *e, nsec_t took, nsec_t expected);
/* Adds the remaining time of a test with the estimate @expected that has run for @elapsed. */
void eta_add(const struct eta *e, struct eta_rest *rest, nsec_t expected, nsec_t elapsed);
/* -1: not known. */
nsec_t eta_left(const struct eta_rest *rest);

#endif
