/* SPDX-License-Identifier: GPL-2.0-only */
/* eta.h -- how long the rest of a run will take: the plan's estimates, corrected by how true they were so far. Pure. */
#ifndef KTSTR_RUN_ETA_H
#define KTSTR_RUN_ETA_H

#include "base/time.h"

struct eta {
	nsec_t took, expected; /* of all tests that have ended */
};

/* What is still to be done, as the plan estimates it. */
struct eta_rest {
	nsec_t sum, longest; /* of all tests, running ones with what is left of them; of the longest one */
	unsigned at_once;    /* machines */
};

/* A test with the estimate @expected took @took. Tests without an estimate do not count. */
void eta_note(struct eta *e, nsec_t took, nsec_t expected);
/* What a test that was estimated at @expected, and has run for @elapsed, adds to the rest. */
void eta_add(const struct eta *e, struct eta_rest *rest, nsec_t expected, nsec_t elapsed);
nsec_t eta_left(const struct eta_rest *rest);

#endif
