/* SPDX-License-Identifier: GPL-2.0-only */
/* check.h -- verdicts, and the checks that turn telemetry into one. */
#ifndef KTSTR_CHECK_H
#define KTSTR_CHECK_H

#include <stdbool.h>

#include <ktstr/topology.h>

/* Fold order: FAIL > INCONCLUSIVE > PASS > SKIP. What was not measured is INCONCLUSIVE, never PASS. */
enum ktstr_verdict {
	KTSTR_PASS,
	KTSTR_FAIL,
	KTSTR_INCONCLUSIVE,
	KTSTR_SKIP,
};

/*
 * 0 is "not said" in every field; limits are of guest time. What comes out as a share of nothing (no iterations, no
 * pages) is INCONCLUSIVE. A cgroup with several loads is looked at a load at a time. Formulas:
 * docs/ARCHITECTURE.md, "Checks".
 */
struct ktstr_checks {
	enum ktstr_switch not_starved;	/* every worker made progress; implies the gap and spread limits. Default ON */
	enum ktstr_switch isolation;	/* no worker ran where it was not allowed to. Default ON */
	unsigned max_gap_ms;		/* longest time between two checkpoints of one worker */
	double max_spread_pct;		/* max - min of the workers' off-CPU share in one cgroup, percentage points */
	double max_throughput_cv;	/* of work units a CPU second, over one cgroup's workers: deviation / mean */
	double min_work_rate;		/* work units a CPU second, each worker */
	unsigned max_p99_wake_latency_ns; /* over all wake-ups of one cgroup's workers */
	double max_wake_latency_cv;	/* of the same: deviation / mean */
	double min_iteration_rate;	/* iterations a second of its life, each worker */
	double max_migration_ratio;	/* migrations / iterations, each cgroup */
	double min_page_locality;	/* share of a cgroup's pages on the nodes where they should be, 0 .. 1 */
	double max_cross_node_migration_ratio; /* pages that the kernel moved between nodes / pages, each cgroup */
	double max_slow_tier_ratio;	/* share of a cgroup's pages on nodes without CPUs, 0 .. 1 */
	/*
	 * The absolute ones (min_work_rate, max_p99_wake_latency_ns, min_iteration_rate) say something of a scheduler
	 * only on hardware, and are INCONCLUSIVE on tcg. ON: they hold there too; its time counts instructions.
	 */
	enum ktstr_switch gate_on_tcg;
};

/* The limits that may have a fraction, by name. */
#define KTSTR_REAL_CHECKS(X)                                                                         \
	X(max_spread_pct) X(max_throughput_cv) X(min_work_rate) X(max_wake_latency_cv)               \
	X(min_iteration_rate) X(max_migration_ratio) X(min_page_locality)                            \
	X(max_cross_node_migration_ratio) X(max_slow_tier_ratio)

struct ktstr_ctx;

/* Records a failed expectation and goes on; the test fails with this text. Returns @ok. */
int ktstr_expect(struct ktstr_ctx *t, int ok, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
