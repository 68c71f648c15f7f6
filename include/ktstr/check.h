/* SPDX-License-Identifier: GPL-2.0-only */
/* check.h -- verdicts, and the checks that turn telemetry into one. */
#ifndef KTSTR_CHECK_H
#define KTSTR_CHECK_H

#pragma GCC system_header /* see language.h */

#include <stdbool.h>

#include <ktstr/topology.h>

KTSTR_BEGIN_C

/* Fold order: FAIL > INCONCLUSIVE > PASS > SKIP. A missing measurement is INCONCLUSIVE, never PASS. */
enum ktstr_verdict {
	KTSTR_PASS,
	KTSTR_FAIL,
	KTSTR_INCONCLUSIVE,
	KTSTR_SKIP,
};

/*
 * Checks. Layers are merged: the defaults, the scheduler's, the test's, the cgroup's, the load's; the last one that
 * sets a field wins. A field has three states:
 *
 *	0		not set: the layer below decides
 *	KTSTR_OFF	off: not checked, whatever a lower layer set
 *	a limit		set; KTSTR_ZERO is the limit 0 itself ("no migration at all")
 *
 * All times are guest time. Some checks do not apply to some loads: a spinning load has no wake-ups, so a latency limit
 * of the test skips it. The test is INCONCLUSIVE when such a limit is set on the load itself, or when a limit of the
 * test applies to none of its loads. A default check that cannot be evaluated is recorded as "not judged".
 * docs/CHECKS.md has the formulas.
 */
#define KTSTR_ZERO (-2)

struct ktstr_checks {
	enum ktstr_switch not_stuck; /* every worker made progress; OFF: no limit on gaps and spread. Default ON */
	enum ktstr_switch isolation; /* no worker ran where it was not allowed to. Default ON */
	enum ktstr_switch weights;   /* CPU time is shared by cpu.weight and nice values; of the test. Default ON */
	enum ktstr_switch quota;     /* a cgroup uses no more CPU time than cpu.max allows; of the test. Default ON */
	double max_gap_ms;	     /* longest time between two checkpoints of one worker */
	double max_run_delay_ms;     /* longest time for which a worker is ready to run, but does not run */
	/* Longest time for which a worker waits while one CPU is idle on which it may run. Default 100 */
	double max_idle_wait_ms;
	/* The same after a wake-up: the median over the wake-ups of one worker. Default 4 */
	double max_idle_wakeup_ms;
	/*
	 * How the wake-ups (until the worker ran) and the waits (from when it could run until it ran) of all workers of
	 * a load are spread: half of them, 90 %, 99 % and 99.9 % of them took at most this long.
	 */
	double max_p50_wakeup_ms, max_p90_wakeup_ms, max_p99_wakeup_ms, max_p999_wakeup_ms;
	double max_wakeup_ms; /* the longest wake-up */
	double max_p50_wait_ms, max_p90_wait_ms, max_p99_wait_ms, max_p999_wait_ms;
	double max_migration_rate;	/* moves to another CPU per second of the load's CPU time */
	double max_llc_migration_rate;	/* those to another LLC or node */
	double min_llc_stability;	/* share of a load's CPU time in the LLC where each worker ran most, 0 .. 1 */
	double max_spread_pct;		/* max - min of the workers' off-CPU share in one load, percentage points */
	double max_throughput_cv;	/* work units per CPU second, over one load's workers: deviation / mean */
	double min_work_rate;		/* work units per CPU second, each worker */
	double max_p99_wake_latency_ns; /* over all wake-ups of one load's workers */
	double max_wake_latency_cv;	/* over the same wake-ups: deviation / mean */
	double min_iteration_rate;	/* iterations per second of its life, each worker */
	double max_migration_ratio;	/* migrations / iterations, each load */
	double min_page_locality;	/* share of a load's pages on the nodes where they should be, 0 .. 1 */
	double max_cross_node_migration_ratio; /* pages that the kernel moved between nodes / pages, each load */
	double max_slow_tier_ratio;	       /* share of a load's pages on nodes without CPUs, 0 .. 1 */
	/*
	 * What the monitor sees from outside, each 100 ms, while a sched_ext scheduler is attached. Only the scheduler
	 * and the test set these, and only a test that passed else is judged by them. A broken limit is recorded; with
	 * `enforce` it fails the test.
	 */
	double max_imbalance_ratio;	 /* the most tasks on a CPU / the fewest (at least 1). Default 4 */
	double max_local_dsq_depth;	 /* tasks in one CPU's local dispatch queue. Default 50 */
	enum ktstr_switch fail_on_stall; /* the clock of a busy CPU's run queue stands still. Default ON */
	double sustained_samples;	 /* how many samples in a row break a limit. Default 5; OFF: one does */
	double max_fallback_rate;	 /* select_cpu_fallback events a second. Default 200 */
	double max_keep_last_rate;	 /* dispatch_keep_last events a second. Default 100 */
	enum ktstr_switch enforce;	 /* ON: a broken limit of the monitor is a failure. Default OFF */
	/*
	 * On tcg, guest time counts instructions, so an absolute limit (min_work_rate, min_iteration_rate,
	 * max_p99_wake_latency_ns) does not mean the same as on hardware, and is INCONCLUSIVE there. ON: it is checked
	 * in guest time.
	 *
	 * Rates, latencies and their variations also need a clock for each CPU. With --tcg-time shared, two busy CPUs
	 * do no more work per second than one, and a CPU that is ready waits for its turn. In guests with several CPUs
	 * min_work_rate, min_iteration_rate, max_throughput_cv, max_p99_wake_latency_ns and max_wake_latency_cv are
	 * then INCONCLUSIVE, also with ON.
	 */
	enum ktstr_switch gate_on_tcg;
};

/* The names of all fields: switches, then limits; first those that a load can have, then those of the whole test. */
#define KTSTR_SWITCH_CHECKS(X) X(not_stuck) X(isolation) X(gate_on_tcg)
/* clang-format off */
#define KTSTR_LIMIT_CHECKS(X) \
	X(max_gap_ms) X(max_run_delay_ms) X(max_idle_wait_ms) X(max_idle_wakeup_ms) \
	X(max_p50_wakeup_ms) X(max_p90_wakeup_ms) X(max_p99_wakeup_ms) X(max_p999_wakeup_ms) X(max_wakeup_ms) \
	X(max_p50_wait_ms) X(max_p90_wait_ms) X(max_p99_wait_ms) X(max_p999_wait_ms) \
	X(max_migration_rate) X(max_llc_migration_rate) X(min_llc_stability) X(max_spread_pct) \
	X(max_throughput_cv) X(min_work_rate) X(max_p99_wake_latency_ns) X(max_wake_latency_cv) \
	X(min_iteration_rate) X(max_migration_ratio) X(min_page_locality) X(max_cross_node_migration_ratio) \
	X(max_slow_tier_ratio)
#define KTSTR_MONITOR_SWITCH_CHECKS(X) X(weights) X(quota) X(fail_on_stall) X(enforce)
#define KTSTR_MONITOR_LIMIT_CHECKS(X) \
	X(max_imbalance_ratio) X(max_local_dsq_depth) X(sustained_samples) X(max_fallback_rate) X(max_keep_last_rate)
/* clang-format on */

/* Findings of checks about a scheduler. A test can expect one of them (`expect_finding`). */
enum ktstr_finding {
	KTSTR_FINDING_NONE,
	KTSTR_FINDING_STARVED,	 /* not_stuck: a worker did no work */
	KTSTR_FINDING_STUCK,	 /* max_gap_ms; or a worker that did not end when it was told to */
	KTSTR_FINDING_UNFAIR,	 /* max_spread_pct, max_throughput_cv, weights, quota */
	KTSTR_FINDING_ISOLATION, /* isolation */
	KTSTR_FINDING_BENCHMARK, /* rates and latencies */
	KTSTR_FINDING_MIGRATION, /* max_migration_ratio, the two rates of migrations, min_llc_stability */
	KTSTR_FINDING_PAGE_LOCALITY,
	KTSTR_FINDING_CROSS_NODE_MIGRATION,
	KTSTR_FINDING_SLOW_TIER,
	KTSTR_FINDING_IDLE,    /* max_idle_wait_ms, max_idle_wakeup_ms */
	KTSTR_FINDING_MONITOR, /* with enforce: a limit of the monitor */
	KTSTR_FINDING_MAX,
};

struct ktstr_ctx;

/* If @ok is 0, records a failure with this text; the test goes on and then fails. Returns @ok. */
int ktstr_expect(struct ktstr_ctx *t, int ok, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/*
 * Stops the guest here and takes a snapshot of it under @name, as KTSTR_OP(CAPTURE) does in a scenario. A name without
 * 1 to 31 letters, digits, _ and - fails the test. Nothing happens where nobody looks at the guest.
 */
void ktstr_capture(struct ktstr_ctx *t, const char *name);
/* Records why this test cannot run on this kernel or machine. Returns KTSTR_SKIP: `return ktstr_skip(t, "...");`. */
enum ktstr_verdict ktstr_skip(struct ktstr_ctx *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

KTSTR_END_C

#endif
