/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compare.h -- compares the metrics of paired groups: which got worse, which better, and whether that is more than
 * noise.
 */
#ifndef KTSTR_STATS_COMPARE_H
#define KTSTR_STATS_COMPARE_H

#include "stats/pairing.h"
#include "stats/policy.h"

#define NEAR_ZERO 1e-9 /* a smaller value counts as 0, and has no share */

enum compare_test {
	COMPARE_THRESHOLD, /* means, and fixed shares of them */
	COMPARE_WELCH,	   /* Welch's t test, or ranges that do not touch */
	COMPARE_MWU,	   /* medians, and the Mann-Whitney U test */
	COMPARE_PAIRED,	   /* results of one seed are a pair: Wilcoxon's signed rank test */
};

/* Of which part of the runs metrics are compared. */
enum compare_phases { PHASES_TOO, PHASES_NONE, PHASES_ONLY, PHASES_STEPS };

struct compare_options {
	enum compare_test test;
	double alpha, confidence, power;
	bool from_zero; /* COMPARE_THRESHOLD: a count that was 0 changed if it is at least its least amount now */
	bool separate;	/* groups with several results on a side are an error, not averaged */
	struct policy policy;
	enum compare_phases phases;
	int phase;	      /* only this one; -1: all */
	double phase_percent; /* smaller changes of phases are left out */
};

enum finding_verdict {
	FINDING_UNCHANGED,
	FINDING_REGRESSION,
	FINDING_IMPROVEMENT,
	FINDING_INFORMATIONAL, /* it changed, and no direction is good */
	FINDING_NOISY,	       /* too few values to tell */
	FINDING_VERDICT_MAX,
};

/* One metric of one group. */
struct finding {
	uint32_t group;
	uint16_t metric;
	enum finding_verdict verdict;
	double value[SIDE_MAX];		      /* mean or median */
	double low[SIDE_MAX], high[SIDE_MAX]; /* smallest and largest value; of COMPARE_MWU: the median's interval */
	bool separated;			      /* by more than chance, in the direction of @delta */
	double delta, share;		      /* B - A, and its size as a share of A; 0 if A is about 0 */
	size_t n[SIDE_MAX];		      /* values, or pairs */
	double p, q;			      /* NaN: not tested */
	size_t worse, better; /* COMPARE_PAIRED: seeds; by the value where no direction is good: larger, smaller */
	double sign_p;	      /* COMPARE_PAIRED: of the sign test */
	size_t needed;	      /* more values that are needed per side to see a change of this size; 0: enough */
};

#define NEEDED_NEVER SIZE_MAX /* finding.needed: the change is too small for any number of values */

/* The geometric mean of B / A of one metric over all groups. */
struct metric_ratio {
	uint16_t metric;
	double mean;
	size_t groups, skipped; /* skipped: of which a side is not positive */
};

struct comparison {
	struct finding *finding; /* in the order of groups and metrics; metrics that are 0 on both sides are left out */
	size_t findings, room;
	size_t count[FINDING_VERDICT_MAX];	 /* of whole runs */
	size_t phase_count[FINDING_VERDICT_MAX]; /* of phases */
	size_t phase_only[SIDE_MAX];		 /* metrics of phases that one side alone has */
	size_t paired;				 /* groups with passing results on both sides */
	size_t excluded;			 /* groups of which a side did not pass */
	size_t broken;				 /* of those: A passed, and B did not */
	size_t without_pairs;	    /* COMPARE_PAIRED: metrics that both sides of a group have, but for no equal seed */
	size_t only[SIDE_MAX];	    /* groups that one side alone has */
	struct metric_ratio *ratio; /* in the order of the table */
	size_t ratios;
};

/* @ret_doubled: with `separate`, the first group with several results on a side, and -EEXIST. -ENOMEM. */
int compare_groups_of(const struct pool *p, const struct pairing *g, const struct compare_options *o,
		      struct comparison *ret, size_t *ret_doubled);
void comparison_done(struct comparison *c);

const char *finding_verdict_name(enum finding_verdict verdict);
extern const char *const compare_test_names[]; /* by enum compare_test, ended by NULL */

#endif
