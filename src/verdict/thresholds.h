/* SPDX-License-Identifier: GPL-2.0-only */
/* thresholds.h -- limits, merged from three layers, and which layer set each of them (behaviour 3.2). */
#ifndef KTSTR_VERDICT_THRESHOLDS_H
#define KTSTR_VERDICT_THRESHOLDS_H

#include <stdbool.h>
#include <stddef.h>

#include <ktstr/check.h>

/* In the order of `ktstr show-thresholds`. */
enum threshold {
	LIMIT_NOT_STARVED,
	LIMIT_ISOLATION,
	LIMIT_GAP,
	LIMIT_SPREAD,
	LIMIT_THROUGHPUT_CV,
	LIMIT_WORK_RATE,
	LIMIT_P99_WAKE,
	LIMIT_WAKE_CV,
	LIMIT_ITERATION_RATE,
	LIMIT_MIGRATION_RATIO,
	LIMIT_IMBALANCE,	/* this and the next five: not measured yet, never set */
	LIMIT_DSQ_DEPTH,
	LIMIT_STALL,
	LIMIT_SUSTAINED,
	LIMIT_FALLBACK_RATE,
	LIMIT_KEEP_LAST_RATE,
	LIMIT_PAGE_LOCALITY,
	LIMIT_CROSS_NODE,
	LIMIT_SLOW_TIER,
	LIMIT_MAX,
};

enum threshold_origin { FROM_DEFAULT, FROM_SCHEDULER, FROM_TEST };

/* Every limit with its final value; 0 in a number: not checked. Guest time. */
struct thresholds {
	bool not_starved, isolation;
	bool gate_on_tcg;		/* absolute latencies and rates count on tcg too */
	double max_gap_ms, max_spread_pct;
	double max_throughput_cv, min_work_rate;
	double max_p99_wake_latency_ns, max_wake_latency_cv;
	double min_iteration_rate, max_migration_ratio;
	double min_page_locality, max_cross_node_migration_ratio, max_slow_tier_ratio;
	enum threshold_origin origin[LIMIT_MAX];
};

/* How a field of struct ktstr_checks is stored. */
enum check_kind { CHECK_SWITCH, CHECK_UINT, CHECK_REAL };

struct threshold_row {
	const char *name;		/* of the field, in declarations, lists and reports */
	enum check_kind kind;
	bool measured;			/* false: nothing measures it yet; at, to and defaults mean nothing */
	size_t at;			/* in struct ktstr_checks */
	size_t to;			/* in struct thresholds: a bool for a switch, else a double */
	double otherwise, strict;	/* defaults: of debug and of release judgement; 0: none */
};

extern const struct threshold_row threshold_rows[LIMIT_MAX];

/* Defaults <- scheduler <- test; the last that speaks wins. @strict: the limits of release builds. */
struct thresholds thresholds_merge(bool strict, const struct ktstr_checks *scheduler, const struct ktstr_checks *test);
/* The merged value: 0 or 1 for a switch, 0 for a number that is not checked. */
double threshold_value(const struct thresholds *t, enum threshold which);

#endif
