/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mutants.c -- schedulers with known faults, each with the scenario that must detect it (mutant_*), and good
 * schedulers, each with every scenario (good_*). tests/trust/trust.py counts detected faults, missed faults and false
 * alarms.
 */
#include <stddef.h>

#include "scenarios.h"

/* The machine and the checks of each scenario. */
#define CROWD(n)    .cores = (n)
#define WIDE	    .llcs = 3, .cores = 3, .min_cpus = 9
#define PAIR(n)	    .cores = (n) > 2 ? (n) : 1, .duration_s = 4, .checks = { .max_spread_pct = 5 }
#define CPUSETS	    .llcs = 2, .cores = 2, .min_llcs = 2
#define PINGPONG(n) .cores = (n), .duration_s = 6
#define NAPS	    .cores = 4, .checks = { .max_migration_ratio = 0.9 }
#define LATENCY	    .cores = 4, .checks = { .max_p99_wake_latency_ns = 1000000, .gate_on_tcg = KTSTR_ON }
#define WEIGHTS	    .cores = 1, .duration_s = 8
#define KTHREADS(n) .cores = (n), .duration_s = 5
#define FORKS(n)    .cores = (n), .duration_s = 8
#define LLCS	    .llcs = 2, .cores = 2, .min_llcs = 2
#define NODES	    .numa_nodes = 2, .llcs = 2, .cores = 2, .min_numa_nodes = 2, .max_numa_nodes = 4
#define HOTPLUG	    .cores = 3
#define REMOVAL(n)  .cores = (n), .checks = { .max_spread_pct = 100 } /* shares in steps this short are uneven */

#define TEST(id, sched, scenario, ...)                                             \
	KTSTR_TEST(id, .scheduler = (sched), .auto_repro = KTSTR_OFF, __VA_ARGS__) \
	{                                                                          \
		return scenario_##scenario(t);                                     \
	}

/* --- the mutants -------------------------------------------------------------------------------------------------- */

#define BAD(id, scenario, mode, ...)                                              \
	KTSTR_SCHEDULER(id, .binary = "scx_misbehave", .args = KTSTR_ARGS(mode)); \
	TEST(mutant_##id, &id, scenario, __VA_ARGS__)

BAD(starve, crowd, "starve", CROWD(2))
BAD(stall, crowd, "stall", CROWD(2), .duration_s = 4)
BAD(unfair, pair, "unfair", PAIR(2))
BAD(unfair_2x, pair, "unfair2", PAIR(2))
BAD(unfair_20_percent, pair, "unfair20", PAIR(2))
BAD(ignores_cpusets, cpusets, "cpuset", CPUSETS)
BAD(loses_wakeups, pingpong, "lost-wakeup", PINGPONG(2))
BAD(migrates_always, naps, "bounce", NAPS)
BAD(slow_select, latency, "slow-select", LATENCY)
BAD(inverts_priorities, weights, "inversion", WEIGHTS)
BAD(starves_kthreads, kthreads, "kthreads", KTHREADS(2))
BAD(leaks_dsq, forks, "leak", FORKS(2))
BAD(stalls_above_8, wide, "many-cpus", WIDE, .duration_s = 4)
BAD(wrong_across_llcs, across, "cross-llc", LLCS)
BAD(wrong_across_nodes, across, "cross-node", NODES)
BAD(dies_on_hotplug, hotplug, "hotplug", HOTPLUG)
BAD(dies_on_removal, removal, "cgroup-exit", REMOVAL(2))

/* --- good schedulers ---------------------------------------------------------------------------------------------- */

#define GOOD(id, sched, n)                                       \
	TEST(good_##id##_crowd, sched, crowd, CROWD(n))          \
	TEST(good_##id##_wide, sched, wide, WIDE)                \
	TEST(good_##id##_pair, sched, pair, PAIR(n))             \
	TEST(good_##id##_cpusets, sched, cpusets, CPUSETS)       \
	TEST(good_##id##_pingpong, sched, pingpong, PINGPONG(n)) \
	TEST(good_##id##_naps, sched, naps, NAPS)                \
	TEST(good_##id##_latency, sched, latency, LATENCY)       \
	TEST(good_##id##_weights, sched, weights, WEIGHTS)       \
	TEST(good_##id##_kthreads, sched, kthreads, KTHREADS(n)) \
	TEST(good_##id##_forks, sched, forks, FORKS(n))          \
	TEST(good_##id##_llcs, sched, across, LLCS)              \
	TEST(good_##id##_nodes, sched, across, NODES)            \
	TEST(good_##id##_removal, sched, removal, REMOVAL(n))

KTSTR_SCHEDULER(control, .binary = "scx_misbehave", .args = KTSTR_ARGS("not"));
KTSTR_SCHEDULER(simple, .binary = "scx_simple");
KTSTR_SCHEDULER(qmap, .binary = "scx_qmap");
KTSTR_SCHEDULER(central, .binary = "scx_central", .load_cpu = KTSTR_CPU(0));
KTSTR_SCHEDULER(flatcg, .binary = "scx_flatcg");

/*
 * scx_central gets four CPUs, the others two. It must be loaded on CPU 0, so PID 1 keeps the other CPUs busy with
 * real-time tasks until it is attached; with only one other CPU, this can take longer than the attach timeout. It also
 * does not share its central CPU fairly, so a machine with one CPU does not work.
 */
GOOD(eevdf, NULL, 2)
GOOD(control, &control, 2)
GOOD(simple, &simple, 2)
GOOD(qmap, &qmap, 2)
GOOD(central, &central, 4)
GOOD(flatcg, &flatcg, 2)

/*
 * Only schedulers that handle hotplug themselves. The others leave it to sched_ext, which ends them with a request to
 * restart; this is not a fault.
 */
TEST(good_eevdf_hotplug, NULL, hotplug, HOTPLUG)
TEST(good_control_hotplug, &control, hotplug, HOTPLUG)
TEST(good_qmap_hotplug, &qmap, hotplug, HOTPLUG)
