/* SPDX-License-Identifier: GPL-2.0-only */
/* thresholds.c -- see thresholds.h. A new check needs a row here, a field in ktstr/check.h, and the check itself. */
#include <errno.h>
#include <string.h>

#include "verdict/thresholds.h"

#define ROW(field, kind, debug, release, finding)                                           \
	{                                                                                   \
#field, kind, offsetof(struct ktstr_checks, field), debug, release, finding \
	}
#define SWITCH(field, setting, finding)	      ROW(field, CHECK_SWITCH, setting, setting, finding)
#define LIMIT(field, debug, release, finding) ROW(field, CHECK_LIMIT, debug, release, finding)
#define OPT_IN(field, finding)		      LIMIT(field, KTSTR_OFF, KTSTR_OFF, finding)

const struct threshold_row threshold_rows[LIMIT_MAX] = {
	[LIMIT_NOT_STUCK] = SWITCH(not_stuck, KTSTR_ON, DETAIL_STARVED),
	[LIMIT_ISOLATION] = SWITCH(isolation, KTSTR_ON, DETAIL_ISOLATION),
	[LIMIT_WEIGHTS] = SWITCH(weights, KTSTR_ON, DETAIL_UNFAIR),
	[LIMIT_QUOTA] = SWITCH(quota, KTSTR_ON, DETAIL_UNFAIR),
	[LIMIT_GAP] = LIMIT(max_gap_ms, 3000, 2000, DETAIL_STUCK),
	[LIMIT_RUN_DELAY] = LIMIT(max_run_delay_ms, 3000, 2000, DETAIL_STUCK),
	[LIMIT_IDLE_WAIT] = LIMIT(max_idle_wait_ms, 100, 100, DETAIL_IDLE),
	[LIMIT_IDLE_WAKEUP] = LIMIT(max_idle_wakeup_ms, 4, 4, DETAIL_IDLE),
	[LIMIT_P50_WAKEUP] = OPT_IN(max_p50_wakeup_ms, DETAIL_BENCHMARK),
	[LIMIT_P90_WAKEUP] = OPT_IN(max_p90_wakeup_ms, DETAIL_BENCHMARK),
	[LIMIT_P99_WAKEUP] = OPT_IN(max_p99_wakeup_ms, DETAIL_BENCHMARK),
	[LIMIT_P999_WAKEUP] = OPT_IN(max_p999_wakeup_ms, DETAIL_BENCHMARK),
	[LIMIT_LONGEST_WAKEUP] = OPT_IN(max_wakeup_ms, DETAIL_BENCHMARK),
	[LIMIT_P50_WAIT] = OPT_IN(max_p50_wait_ms, DETAIL_BENCHMARK),
	[LIMIT_P90_WAIT] = OPT_IN(max_p90_wait_ms, DETAIL_BENCHMARK),
	[LIMIT_P99_WAIT] = OPT_IN(max_p99_wait_ms, DETAIL_BENCHMARK),
	[LIMIT_P999_WAIT] = OPT_IN(max_p999_wait_ms, DETAIL_BENCHMARK),
	[LIMIT_MIGRATION_RATE] = OPT_IN(max_migration_rate, DETAIL_MIGRATION),
	[LIMIT_LLC_MIGRATION_RATE] = OPT_IN(max_llc_migration_rate, DETAIL_MIGRATION),
	[LIMIT_LLC_STABILITY] = OPT_IN(min_llc_stability, DETAIL_MIGRATION),
	[LIMIT_SPREAD] = LIMIT(max_spread_pct, 35, 15, DETAIL_UNFAIR),
	[LIMIT_THROUGHPUT_CV] = OPT_IN(max_throughput_cv, DETAIL_UNFAIR),
	[LIMIT_WORK_RATE] = OPT_IN(min_work_rate, DETAIL_BENCHMARK),
	[LIMIT_P99_WAKE] = OPT_IN(max_p99_wake_latency_ns, DETAIL_BENCHMARK),
	[LIMIT_WAKE_CV] = OPT_IN(max_wake_latency_cv, DETAIL_BENCHMARK),
	[LIMIT_ITERATION_RATE] = OPT_IN(min_iteration_rate, DETAIL_BENCHMARK),
	[LIMIT_MIGRATION_RATIO] = OPT_IN(max_migration_ratio, DETAIL_MIGRATION),
	[LIMIT_IMBALANCE] = LIMIT(max_imbalance_ratio, 4, 4, DETAIL_MONITOR),
	[LIMIT_DSQ_DEPTH] = LIMIT(max_local_dsq_depth, 50, 50, DETAIL_MONITOR),
	[LIMIT_STALL] = SWITCH(fail_on_stall, KTSTR_ON, DETAIL_MONITOR),
	[LIMIT_SUSTAINED] = LIMIT(sustained_samples, 5, 5, DETAIL_MONITOR),
	[LIMIT_FALLBACK_RATE] = LIMIT(max_fallback_rate, 200, 200, DETAIL_MONITOR),
	[LIMIT_KEEP_LAST_RATE] = LIMIT(max_keep_last_rate, 100, 100, DETAIL_MONITOR),
	[LIMIT_PAGE_LOCALITY] = OPT_IN(min_page_locality, DETAIL_PAGE_LOCALITY),
	[LIMIT_CROSS_NODE] = OPT_IN(max_cross_node_migration_ratio, DETAIL_CROSS_NODE_MIGRATION),
	[LIMIT_SLOW_TIER] = OPT_IN(max_slow_tier_ratio, DETAIL_SLOW_TIER),
	[LIMIT_GATE_ON_TCG] = SWITCH(gate_on_tcg, KTSTR_OFF, DETAIL_BENCHMARK),
	[LIMIT_ENFORCE] = SWITCH(enforce, KTSTR_OFF, DETAIL_MONITOR),
};

/* The value of a field: 0: not set; negative: KTSTR_OFF or KTSTR_ZERO; else a limit. */
static double read_field(const struct ktstr_checks *c, const struct threshold_row *row)
{
	const void *at = (const char *)c + row->at;
	return row->kind == CHECK_SWITCH ? (double)*(const enum ktstr_switch *)at : *(const double *)at;
}

static struct limit limit_of(double field, enum threshold_origin origin)
{
	return (struct limit){ .on = field != KTSTR_OFF, .value = field > 0 ? field : 0, .origin = origin };
}

struct thresholds thresholds_default(bool strict)
{
	struct thresholds t = { 0 };
	for (unsigned i = 0; i < LIMIT_MAX; i++) {
		const struct threshold_row *row = &threshold_rows[i];
		t.limit[i] = limit_of(strict ? row->strict : row->otherwise, FROM_DEFAULT);
	}
	return t;
}

void thresholds_apply(struct thresholds *t, enum threshold_origin from, const struct ktstr_checks *checks)
{
	for (unsigned i = 0; i < LIMIT_MAX; i++) {
		const struct threshold_row *row = &threshold_rows[i];
		double value = read_field(checks, row);
		if (value != 0)
			t->limit[i] = limit_of(value, from);
	}
}

struct thresholds thresholds_merge(bool strict, const struct ktstr_checks *scheduler, const struct ktstr_checks *test)
{
	struct thresholds t = thresholds_default(strict);
	thresholds_apply(&t, FROM_SCHEDULER, scheduler);
	thresholds_apply(&t, FROM_TEST, test);
	return t;
}

int threshold_find(const char *name)
{
	for (int i = 0; i < LIMIT_MAX; i++)
		if (!strcmp(threshold_rows[i].name, name))
			return i;
	return -ENOENT;
}
