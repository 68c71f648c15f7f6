/* SPDX-License-Identifier: GPL-2.0-only */
/* flaky_history.h -- a simulated history with a fault that shows in only some runs, and bisections of it. */
#ifndef KTSTR_TESTS_LIB_FLAKY_HISTORY_H
#define KTSTR_TESTS_LIB_FLAKY_HISTORY_H

#include "base/rng.h"
#include "posterior/strategy.h"

struct flaky_history {
	const struct lineage *history;
	size_t culprit;
	double rate;	   /* of failures from the culprit on */
	double noise;	   /* of failures before it */
	double untestable; /* share of points between the ends that cannot be tested */
	uint64_t salt;	   /* which ones */
	struct rng rng;
	unsigned runs[PHASE_VERIFY + 1]; /* made, by phase */
	size_t prepared;		 /* points that were prepared */
};

struct flaky_answer {
	enum strategy_answer answer;
	size_t members;	  /* number of points that are left */
	bool has_culprit; /* the culprit is one of them */
	unsigned runs;	  /* all that were made */
};

/* Bisects to the end. @prepare: the cost of a point's preparation in runs. */
struct flaky_answer flaky_bisect(struct flaky_history *w, const struct strategy *s, double prepare, unsigned batch);
/*
 * Plain bisection of a line, with @repeats runs of each point; @stop: a point's runs end at the first failure. Returns
 * whether the culprit was found.
 */
bool flaky_plain(struct flaky_history *w, unsigned repeats, bool stop, unsigned *ret_runs);

#endif
