/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * posterior.h -- which point of a history brought a failure that shows in only some of its runs. Pure.
 *
 * A history is a list of points, each behind its parents; point 0 is the good end, the last one the bad end. One of the
 * points 1, 2, ... is the culprit: in it and in all that descend from it, a run fails with the same unknown rate, which
 * has a uniform prior; in all others with LINEAGE_NOISE. The posterior over culprits follows from the numbers of runs
 * in closed form (beta-binomial), so the order of the runs does not matter.
 */
#ifndef KTSTR_POSTERIOR_POSTERIOR_H
#define KTSTR_POSTERIOR_POSTERIOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rate at which a point without the fault shows the same failure: another fault may look the same. */
#define LINEAGE_NOISE	   0.001
#define LINEAGE_POINTS_MAX 20000
#define LINEAGE_BATCH_MAX  64 /* runs that are chosen at a time */

/* Parents of point i: parent[first[i]] to parent[first[i + 1] - 1], all < i. */
struct lineage {
	size_t count; /* points, both ends included; at least 2 */
	uint32_t *first;
	uint32_t *parent;
};

/* A history in which each point has the one before as its parent. */
int lineage_line(struct lineage *h, size_t count);
void lineage_done(struct lineage *h);

struct tally {
	uint32_t failed, passed;
};

struct posterior {
	const struct lineage *history;
	size_t words;	     /* 64-bit words of a row */
	uint64_t *ancestors; /* a row per point: itself and its ancestors */
	double *probability; /* of each point to be the culprit; of point 0: 0 */
	struct tally *tally; /* of the runs at each point */
	bool *untestable;
};

/* @h: borrowed. -ENOMEM; -E2BIG: more than LINEAGE_POINTS_MAX points. */
int posterior_init(struct posterior *p, const struct lineage *h);
void posterior_done(struct posterior *p);
/* Adds runs at a point. */
void posterior_tell(struct posterior *p, size_t point, unsigned failed, unsigned passed);
/* Nothing can be said about this point: it does not build, boot or load. It may still be the culprit. */
void posterior_skip(struct posterior *p, size_t point);

static inline bool posterior_is_ancestor(const struct posterior *p, size_t point, size_t ancestor)
{
	return p->ancestors[point * p->words + ancestor / 64] >> ancestor % 64 & 1;
}

/*
 * The most probable culprits that no testable point tells apart; in @member (one per point). Returns their number;
 * @ret: their probability together.
 */
size_t posterior_best(const struct posterior *p, bool *member, double *ret);
/* The most probable points that together reach @probability; in @member. Returns their number. */
size_t posterior_credible(const struct posterior *p, double probability, bool *member);
/* Rate of the failure behind @culprit: the mean of what is known of it. */
double posterior_rate(const struct posterior *p, size_t culprit);
/* So many runs of a point behind @culprit all pass with a probability of at most @error; at most @max. */
unsigned posterior_runs(const struct posterior *p, size_t culprit, double error, unsigned max);

/*
 * An estimate of the runs that are left until one culprit has a probability of 1 - @error: the bits that are missing,
 * at the capacity of runs that fail at this rate (a Z channel), and those that exclude its parent.
 */
unsigned posterior_remaining(const struct posterior *p, double error);

/* What a point costs, in any unit. */
struct posterior_cost {
	double run;	      /* one run */
	double prepare;	      /* before the first run of a point that is not ready */
	const bool *is_ready; /* per point; NULL: all are */
	unsigned batch;	      /* runs that cost as much as one, because they run at the same time; at least 1 */
};

/*
 * The runs that promise most information about the culprit for their cost. False: no point can be run, or none tells
 * anything. @ret_runs: the batch ends at its first failure.
 */
bool posterior_choose(const struct posterior *p, const struct posterior_cost *cost, size_t *ret_point,
		      unsigned *ret_runs);

#endif
