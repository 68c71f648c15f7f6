/* SPDX-License-Identifier: GPL-2.0-only */
/* policy.h -- which change of a metric counts: the table's limits, or those that the user gives. */
#ifndef KTSTR_STATS_POLICY_H
#define KTSTR_STATS_POLICY_H

#include "base/err.h"
#include "stats/pool.h"

/* Of metrics that are not in the table. */
#define OTHER_METRIC_SHARE 0.1

struct policy {
	double default_percent; /* negative: not given */
	struct policy_metric {
		char name[128];
		double percent;
	} * metric;
	size_t metrics;
};

#define POLICY_NULL ((struct policy){ .default_percent = -1 })

/*
 * {"default_percent": 5, "per_metric_percent": {"worst_spread": 10}}. Unknown metrics and negative numbers are
 * errors.
 */
int policy_read(const char *path, struct policy *ret, struct err **err);
void policy_done(struct policy *policy);
/* Least size of a change, and its least share of the former value. */
double policy_least(const struct pool *p, uint16_t metric);
double policy_share(const struct policy *policy, const struct pool *p, uint16_t metric);

#endif
