/* SPDX-License-Identifier: GPL-2.0-only */
/* gauntlet.h -- the analysis of one run: which scenarios stand out, and what each group of results came to. */
#ifndef KTSTR_STATS_GAUNTLET_H
#define KTSTR_STATS_GAUNTLET_H

#include "base/json.h"
#include "stats/results.h"

/* A metric in which a scenario's mean is more than two standard deviations above that of all results. */
struct outlier {
	uint32_t test;
	uint16_t metric;
	double mean, overall, z;
	uint32_t *worst; /* topologies of its results that are above that limit themselves */
	size_t worst_count;
};

enum gauntlet_view { VIEW_SCENARIO, VIEW_TOPOLOGY, VIEW_WORK_TYPE, VIEW_MAX };

/* Results that have one value of a view in common. */
struct gauntlet_group {
	uint32_t value;
	size_t total, passed, skipped, failed;	  /* failed: also those that are inconclusive */
	double spread, gap, imbalance, dsq_depth; /* means */
	double stalls, fallback;		  /* sums */
	size_t measured[4];			  /* results that have the values of the means */
};

struct gauntlet {
	size_t results;
	struct outlier *outlier; /* the highest z first */
	size_t outliers;
	struct gauntlet_group *group[VIEW_MAX]; /* the largest mean spread first */
	size_t groups[VIEW_MAX];
};

/* -ENOMEM */
int gauntlet_analyse(const struct results *r, struct gauntlet *ret);
void gauntlet_done(struct gauntlet *g);
void gauntlet_print(const struct gauntlet *g, const struct pool *p, struct buf *out);
json_t *gauntlet_json(const struct gauntlet *g, const struct pool *p);

#endif
