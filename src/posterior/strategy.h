/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * strategy.h -- the course of a bisection: calibrate the failing rate at the bad end, check the good end, search,
 * verify the answer with its parents. Pure. What comes next is a function of the runs so far, so that an interrupted
 * bisection goes on from its journal.
 */
#ifndef KTSTR_POSTERIOR_STRATEGY_H
#define KTSTR_POSTERIOR_STRATEGY_H

#include "posterior/posterior.h"

#define STRATEGY_FAILURES 3 /* at the bad end: they tell the failure, and its rate */

enum strategy_answer {
	STRATEGY_RUN,	       /* no answer yet: runs are wanted */
	STRATEGY_FOUND,	       /* one point, verified */
	STRATEGY_RANGE,	       /* several points that cannot be told apart, because those between cannot be tested */
	STRATEGY_BAD_PASSES,   /* the bad end does not fail */
	STRATEGY_GOOD_FAILS,   /* the good end fails, too */
	STRATEGY_BAD_UNTESTED, /* an end cannot be tested */
	STRATEGY_GOOD_UNTESTED,
	STRATEGY_LIMIT, /* runs_max is reached: the points that are left are those of posterior_credible() */
};

enum strategy_phase { PHASE_CALIBRATE, PHASE_CHECK_GOOD, PHASE_SEARCH, PHASE_VERIFY };

struct strategy {
	double error;		/* wanted probability of a wrong answer */
	unsigned calibrate_max; /* runs at the bad end without a failure */
	unsigned runs_max;	/* in all */
};

struct strategy_step {
	enum strategy_phase phase;
	size_t point;
	unsigned runs;	    /* at most */
	unsigned max_fail;  /* stop after so many failures */
	unsigned good_runs; /* runs that make a point good; 0: not known yet */
};

enum strategy_answer strategy_next(const struct strategy *s, const struct posterior *p,
				   const struct posterior_cost *cost, struct strategy_step *ret);

#endif
