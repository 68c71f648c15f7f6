/* SPDX-License-Identifier: GPL-2.0-only */
/* eta.c -- see eta.h. */
#include "base/cleanup.h"
#include "run/eta.h"

#define FACTOR_MIN 0.1
#define FACTOR_MAX 20.0

void eta_note(struct eta *e, nsec_t took, nsec_t expected)
{
	if (expected <= 0 || took <= 0)
		return;
	e->took += took;
	e->expected += expected;
}

static double factor(const struct eta *e)
{
	double f = e->expected > 0 ? (double)e->took / (double)e->expected : 1;
	return MIN_OF(MAX_OF(f, FACTOR_MIN), FACTOR_MAX);
}

void eta_add(const struct eta *e, struct eta_rest *rest, nsec_t expected, nsec_t elapsed)
{
	nsec_t left = (nsec_t)((double)expected * factor(e)) - elapsed;
	/* The test is overdue; its remaining time is unknown. */
	if (left < 0)
		left = 0;
	rest->sum += left;
	rest->longest = MAX_OF(rest->longest, left);
}

nsec_t eta_left(const struct eta_rest *rest)
{
	nsec_t left = MAX_OF(rest->longest, rest->sum / MAX_OF(rest->at_once, 1));
	/* Less than a second usually means that the estimates were too short. */
	return left < NSEC_PER_SEC ? -1 : left;
}
