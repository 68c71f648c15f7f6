/* SPDX-License-Identifier: GPL-2.0-only */
/* check.h -- verdicts, and the checks that turn telemetry into one. */
#ifndef KTSTR_CHECK_H
#define KTSTR_CHECK_H

/* Fold order: FAIL > INCONCLUSIVE > PASS > SKIP. What was not measured is INCONCLUSIVE, never PASS. */
enum ktstr_verdict {
	KTSTR_PASS,
	KTSTR_FAIL,
	KTSTR_INCONCLUSIVE,
	KTSTR_SKIP,
};

/* A switch that can be left alone: layers merge default -> scheduler -> test, and the last that speaks wins. */
enum ktstr_switch {
	KTSTR_UNSET,
	KTSTR_ON,
	KTSTR_OFF,
};

/*
 * 0 is "not said" in every field; times are of guest time. What is measured by the instruments of ktstr and comes out
 * as a share of nothing (no iterations, no pages) is INCONCLUSIVE.
 */
struct ktstr_checks {
	enum ktstr_switch not_starved;	/* every worker made progress; implies the gap and spread limits. Default ON */
	enum ktstr_switch isolation;	/* no worker ran where it was not allowed to. Default ON */
	unsigned max_gap_ms;		/* longest time between two checkpoints of one worker */
	unsigned max_spread_pct;	/* max - min of the workers' off-CPU share in one cgroup, percentage points */
	double max_throughput_cv; /* work units a second of CPU time, over one cgroup's workers: deviation / mean */
	double min_work_rate;		/* the same, a worker: at least */
	double max_p99_wake_latency_ns;	/* over one cgroup's wake-ups */
	double max_wake_latency_cv;
	double min_iteration_rate;	/* turns a second of wall time, a worker */
	double max_migration_ratio;	/* migrations a turn, over one cgroup */
	double min_page_locality;	/* share of pages on the nodes where they should be, 0 .. 1 */
	double max_cross_node_migration_ratio; /* pages that the kernel moved between nodes, of all pages */
	double max_slow_tier_ratio;	/* share of pages on nodes without CPUs, 0 .. 1 */
};

/* The limits that are numbers with a fraction, by name. */
#define KTSTR_RATE_CHECKS(X)                                                                          \
	X(max_throughput_cv) X(min_work_rate) X(max_p99_wake_latency_ns) X(max_wake_latency_cv)       \
	X(min_iteration_rate) X(max_migration_ratio) X(min_page_locality)                             \
	X(max_cross_node_migration_ratio) X(max_slow_tier_ratio)

struct ktstr_ctx;

/* Records a failed expectation and goes on; the test fails with this text. Returns @ok. */
int ktstr_expect(struct ktstr_ctx *t, int ok, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
