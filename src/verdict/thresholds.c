/* SPDX-License-Identifier: GPL-2.0-only */
/* thresholds.c -- see thresholds.h. One row a limit: adding one is adding a row, a field on either side, and a check.
 */
#include "verdict/thresholds.h"

#define LIMIT(field, kind, debug, release)                                                                    \
	{ #field, kind, true, offsetof(struct ktstr_checks, field), offsetof(struct thresholds, field), debug, release }
#define UNMEASURED(field) { .name = #field }

const struct threshold_row threshold_rows[LIMIT_MAX] = {
	[LIMIT_NOT_STARVED] = LIMIT(not_starved, CHECK_SWITCH, 1, 1),
	[LIMIT_ISOLATION] = LIMIT(isolation, CHECK_SWITCH, 1, 1),
	[LIMIT_GAP] = LIMIT(max_gap_ms, CHECK_UINT, 3000, 2000),
	[LIMIT_SPREAD] = LIMIT(max_spread_pct, CHECK_REAL, 35, 15),
	[LIMIT_THROUGHPUT_CV] = LIMIT(max_throughput_cv, CHECK_REAL, 0, 0),
	[LIMIT_WORK_RATE] = LIMIT(min_work_rate, CHECK_REAL, 0, 0),
	[LIMIT_P99_WAKE] = LIMIT(max_p99_wake_latency_ns, CHECK_UINT, 0, 0),
	[LIMIT_WAKE_CV] = LIMIT(max_wake_latency_cv, CHECK_REAL, 0, 0),
	[LIMIT_ITERATION_RATE] = LIMIT(min_iteration_rate, CHECK_REAL, 0, 0),
	[LIMIT_MIGRATION_RATIO] = LIMIT(max_migration_ratio, CHECK_REAL, 0, 0),
	[LIMIT_IMBALANCE] = UNMEASURED(max_imbalance_ratio),
	[LIMIT_DSQ_DEPTH] = UNMEASURED(max_local_dsq_depth),
	[LIMIT_STALL] = UNMEASURED(fail_on_stall),
	[LIMIT_SUSTAINED] = UNMEASURED(sustained_samples),
	[LIMIT_FALLBACK_RATE] = UNMEASURED(max_fallback_rate),
	[LIMIT_KEEP_LAST_RATE] = UNMEASURED(max_keep_last_rate),
	[LIMIT_PAGE_LOCALITY] = LIMIT(min_page_locality, CHECK_REAL, 0, 0),
	[LIMIT_CROSS_NODE] = LIMIT(max_cross_node_migration_ratio, CHECK_REAL, 0, 0),
	[LIMIT_SLOW_TIER] = LIMIT(max_slow_tier_ratio, CHECK_REAL, 0, 0),
};

static const void *field(const struct ktstr_checks *c, const struct threshold_row *row)
{
	return (const char *)c + row->at;
}

/* Whether this layer says anything, and what. */
static bool said(const struct ktstr_checks *c, const struct threshold_row *row, double *ret)
{
	switch (row->kind) {
	case CHECK_SWITCH: {
		enum ktstr_switch s = *(const enum ktstr_switch *)field(c, row);
		*ret = s == KTSTR_ON ? 1 : *ret;
		*ret = s == KTSTR_OFF ? 0 : *ret;
		return s != KTSTR_UNSET;
	}
	case CHECK_UINT: {
		unsigned n = *(const unsigned *)field(c, row);
		*ret = n ? n : *ret;
		return n != 0;
	}
	case CHECK_REAL: {
		double d = *(const double *)field(c, row);
		*ret = d > 0 ? d : *ret;
		return d > 0;
	}
	}
	return false;
}

static void set(struct thresholds *t, const struct threshold_row *row, double value)
{
	void *to = (char *)t + row->to;
	if (row->kind == CHECK_SWITCH)
		*(bool *)to = value != 0;
	else
		*(double *)to = value;
}

struct thresholds thresholds_merge(bool strict, const struct ktstr_checks *scheduler, const struct ktstr_checks *test)
{
	struct thresholds t = { 0 };
	for (unsigned i = 0; i < LIMIT_MAX; i++) {
		const struct threshold_row *row = &threshold_rows[i];
		if (!row->measured)
			continue;
		double value = strict ? row->strict : row->otherwise;
		if (said(scheduler, row, &value))
			t.origin[i] = FROM_SCHEDULER;
		if (said(test, row, &value))
			t.origin[i] = FROM_TEST;
		set(&t, row, value);
	}
	enum ktstr_switch gate = test->gate_on_tcg != KTSTR_UNSET ? test->gate_on_tcg : scheduler->gate_on_tcg;
	t.gate_on_tcg = gate == KTSTR_ON;
	return t;
}

double threshold_value(const struct thresholds *t, enum threshold which)
{
	const struct threshold_row *row = &threshold_rows[which];
	const void *at = (const char *)t + row->to;
	if (!row->measured)
		return 0;
	return row->kind == CHECK_SWITCH ? *(const bool *)at : *(const double *)at;
}
