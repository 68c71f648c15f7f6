/* SPDX-License-Identifier: GPL-2.0-only */
/* canned_load.c -- canned scenarios with a constant load: cpusets, affinities, policies, work types. */
#include <stdio.h>

#include "guest/scenario/canned.h"
#include "guest/ctx.h"

#define MORE   (3) /* workers per CPU in an overloaded cgroup */
#define IDLE   CANNED_WORK(BURSTY, .burst_ms = 5, .sleep_ms = 95)
#define BURSTS CANNED_WORK(BURSTY, .burst_ms = 20, .sleep_ms = 30)

/*
 * One cgroup with one worker for each usable CPU; at most 64, the number of cells that a scheduler of cells supports.
 */
static const struct ktstr_cgroup *one_per_cpu(struct ktstr_ctx *t, void *arg)
{
	static struct ktstr_cgroup made[65];
	static char name[64][16];
	unsigned n = 0;
	(void)arg;
	for (unsigned c = 0; c < CPUSET_CPUS_MAX && n < 64; c++) {
		if (!cpuset_has(&t->topology->usable, c))
			continue;
		snprintf(name[n], sizeof(name[n]), "cg_%u", n);
		made[n] = (struct ktstr_cgroup){ .name = name[n], .workers = 1 };
		n++;
	}
	made[n] = (struct ktstr_cgroup){ .name = NULL };
	return made;
}

const struct canned canned_loads[] = {
	/* --- basic ------------------------------------------------------------------------------------------------ */
	{ { "cgroup_steady", "basic", "two cgroups with equal workers", 1, 1 },
	  "steady ",
	  CANNED_STEADY({ .name = "cg_0" }, { .name = "cg_1" }) },
	{ { "cgroup_cpuset_llc_steady", "basic", "two cgroups, an LLC each", 2, 2 },
	  "steady_llc ",
	  CANNED_STEADY({ .name = "cg_0", .cpuset = C_LLC(0) }, { .name = "cg_1", .cpuset = C_LLC(1) }) },
	{ { "cgroup_cpuset_cross_llc_steady", "basic", "two cgroups whose CPUs lie across LLCs", 2, 3 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .cpuset = C_RANGE(0, 0.4) }, { .name = "cg_1", .cpuset = C_RANGE(0.4, 1) }) },
	{ { "mixed_workloads", "basic", "spinning, bursting and yielding cgroups", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0" }, { .name = "cg_1", BURSTS }, { .name = "cg_2", CANNED_WORK(MIXED) }) },

	/* --- constant cpusets ------------------------------------------------------------------------------------- */
	{ { "cgroup_cpuset_overlap_steady", "cpuset", "two cgroups that share half of their CPUs", 1, 4 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .cpuset = C_OVERLAP(0, 2, 0.5) },
			{ .name = "cg_1", .cpuset = C_OVERLAP(1, 2, 0.5) }) },
	{ { "cgroup_partial_cpus_steady", "cpuset", "a third of the CPUs belongs to nobody", 1, 3 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .cpuset = C_RANGE(0, 0.34) },
			{ .name = "cg_1", .cpuset = C_RANGE(0.34, 0.67) }) },
	{ { "cgroup_uneven_steady", "cpuset", "three quarters of the CPUs to one, the rest to the other", 1, 3 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .cpuset = C_RANGE(0, 0.75) },
			{ .name = "cg_1", .cpuset = C_RANGE(0.75, 1) }) },
	{ { "cgroup_llc_overflow", "cpuset", "twice as many workers as an LLC has CPUs, and a quiet LLC", 2, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .cpuset = C_LLC(0), .workers_share = 2 },
			{ .name = "cg_1", .cpuset = C_LLC(1), .workers = 1, IDLE }) },
	{ { "cgroup_cpuset_workload_imbalance", "cpuset", "spinning on one half, bursting on the other", 1, 2 },
	  "cpuset_workload_imbalance workload_imbalance ",
	  CANNED_STEADY({ .name = "cg_0", .cpuset = C_DISJOINT(0, 2), .workers_share = 2 },
			{ .name = "cg_1", .cpuset = C_DISJOINT(1, 2), BURSTS }) },
	{ { "cgroup_cpuset_imbalance_combined", "interaction", "halves, one with twice as many workers as CPUs", 1, 2 },
	  "cpuset_imbalance_combined ",
	  CANNED_STEADY({ .name = "cg_0", .cpuset = C_DISJOINT(0, 2), .workers_share = 2 },
			{ .name = "cg_1", .cpuset = C_DISJOINT(1, 2), .workers = 1 }) },
	{ { "cgroup_cpuset_overlap_imbalance_combined", "interaction", "overlapping cpusets, one overloaded", 1, 4 },
	  "cpuset_overlap_imbalance_combined ",
	  CANNED_STEADY({ .name = "cg_0", .cpuset = C_OVERLAP(0, 2, 0.5), .workers_share = 2, CANNED_WORK(MIXED) },
			{ .name = "cg_1", .cpuset = C_OVERLAP(1, 2, 0.5), .workers = 2, BURSTS }) },
	{ { "cpuset_workload_variety", "stress", "three parts, three kinds of work", 1, 3 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .cpuset = C_DISJOINT(0, 3), CANNED_WORK(YIELD_HEAVY) },
			{ .name = "cg_1", .cpuset = C_DISJOINT(1, 3), BURSTS },
			{ .name = "cg_2", .cpuset = C_DISJOINT(2, 3), .workers = 2, CANNED_WORK(PIPE_IO) }) },

	/* --- different loads -------------------------------------------------------------------------------------- */
	{ { "cgroup_all_loaded", "advanced", "four cgroups, as many workers as CPUs each", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .workers_share = 1 }, { .name = "cg_1", .workers_share = 1 },
			{ .name = "cg_2", .workers_share = 1 }, { .name = "cg_3", .workers_share = 1 }) },
	{ { "cgroup_idle_overloaded", "advanced", "a cgroup that sleeps beside one with too many workers", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .workers = 2, IDLE }, { .name = "cg_1", .workers_share = MORE }) },
	{ { "cgroup_load_imbalance", "advanced", "one worker beside twice as many as there are CPUs", 1, 2 },
	  "load_imbalance ",
	  CANNED_STEADY({ .name = "cg_0", .workers = 1 }, { .name = "cg_1", .workers_share = 2 }) },
	{ { "cgroup_4way_load_imbalance", "advanced", "four cgroups with one, two, four and eight workers", 1, 2 },
	  "4way_load_imbalance ",
	  CANNED_STEADY({ .name = "cg_0", .workers = 1 }, { .name = "cg_1", .workers = 2, CANNED_WORK(MIXED) },
			{ .name = "cg_2", .workers = 4, CANNED_WORK(MIXED) },
			{ .name = "cg_3", .workers = 8, CANNED_WORK(MIXED) }) },
	{ { "cgroup_imbalance_mixed_workload", "advanced", "unequal cgroups with unlike work", 1, 2 },
	  "imbalance_mixed_workload ",
	  CANNED_STEADY({ .name = "cg_0", .workers_share = 2, CANNED_WORK(MIXED) },
			{ .name = "cg_1", .workers = 2, BURSTS },
			{ .name = "cg_2", .workers = 1, CANNED_WORK(IO_SYNC_WRITE) }) },
	{ { "cgroup_io_compute_imbalance", "advanced", "input and output beside computing", 1, 2 },
	  "io_compute_imbalance ",
	  CANNED_STEADY({ .name = "cg_0", .workers = 2, CANNED_WORK(IO_SYNC_WRITE) },
			{ .name = "cg_1", .workers_share = 1 }) },
	{ { "cgroup_oversubscribed", "stress", "two cgroups of 32 workers", 1, 1 },
	  "oversubscribed ",
	  CANNED_STEADY({ .name = "cg_0", .workers = 32, CANNED_WORK(MIXED) },
			{ .name = "cg_1", .workers = 32, CANNED_WORK(MIXED) }) },
	{ { "cgroup_per_cpu", "stress", "a cgroup for every CPU", 1, 1 },
	  "per_cpu ",
	  { .steps = KTSTR_STEPS({ .name = "per cpu", .factory = one_per_cpu }) } },
	{ { "dsq_contention", "stress", "many short turns from many cgroups", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .workers_share = 2, CANNED_WORK(YIELD_HEAVY) },
			{ .name = "cg_1", .workers_share = 2, CANNED_WORK(YIELD_HEAVY) },
			{ .name = "cg_2", .workers = 4, CANNED_WORK(FUTEX_PING_PONG) }) },
	{ { "workload_variety", "stress", "one cgroup with five kinds of work", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0",
			  .workers = 2,
			  .loads = KTSTR_LOADS({ .workers = 2, BURSTS }, { .workers = 2, CANNED_WORK(IO_SYNC_WRITE) },
					       { .workers = 2, CANNED_WORK(MIXED) },
					       { .workers = 2, CANNED_WORK(YIELD_HEAVY) }) }) },
	{ { "host_cgroup_contention", "stress", "a worker outside of all cgroups beside two of them", 1, 1 },
	  "host_contention ",
	  { .steps = KTSTR_STEPS({ .name = "host",
				   .cgroups = KTSTR_CGROUPS({ .name = "cg_0" }, { .name = "cg_1" }),
				   .ops = KTSTR_OPS({ .kind = KTSTR_OP_SPAWN_HOST,
						      .load = { .workers = 2, CANNED_WORK(MIXED) } }) }) } },

	/* --- affinity --------------------------------------------------------------------------------------------- */
	{ { "cgroup_affinity_inherit", "affinity", "no affinity", 1, 1 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0" }, { .name = "cg_1" }) },
	{ { "cgroup_affinity_random", "affinity", "each worker on half of the CPUs, its own half", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", CANNED_WORK(MIXED), .affinity = { .kind = KTSTR_AFFINITY_RANDOM_SUBSET } },
			{ .name = "cg_1", CANNED_WORK(MIXED), .affinity = { .kind = KTSTR_AFFINITY_RANDOM_SUBSET } }) },
	{ { "cgroup_affinity_spanning", "affinity", "affinity to every CPU of the machine, within a cpuset", 1, 2 },
	  NULL,
	  CANNED_STEADY(
		  { .name = "cg_0", .cpuset = C_DISJOINT(0, 2), .affinity = { .kind = KTSTR_AFFINITY_CROSS_CGROUP } },
		  { .name = "cg_1",
		    .cpuset = C_DISJOINT(1, 2),
		    .affinity = { .kind = KTSTR_AFFINITY_CROSS_CGROUP } }) },
	{ { "cgroup_affinity_pinned", "affinity", "a cgroup whose workers are all on one CPU", 1, 2 },
	  "affinity_pinned ",
	  CANNED_STEADY({ .name = "cg_0", .affinity = { .kind = KTSTR_AFFINITY_SINGLE_CPU } },
			{ .name = "cg_1", .workers = 2, BURSTS }) },
	{ { "cgroup_cpuset_llc_affinity", "affinity", "workers bound to the LLC of their cpuset", 2, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .cpuset = C_LLC(0), .affinity = { .kind = KTSTR_AFFINITY_LLC_ALIGNED } },
			{ .name = "cg_1", .cpuset = C_LLC(1), .affinity = { .kind = KTSTR_AFFINITY_LLC_ALIGNED } }) },
	{ { "cgroup_multicpu_pin", "affinity", "workers pinned to two CPUs of all", 1, 3 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0",
			  CANNED_WORK(MIXED),
			  .affinity = { .kind = KTSTR_AFFINITY_RANDOM_SUBSET, .count = 2 } },
			{ .name = "cg_1", BURSTS }) },
	{ { "cgroup_cpuset_multicpu_pin", "affinity", "workers pinned to two CPUs of their cpuset", 1, 4 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0",
			  CANNED_WORK(MIXED),
			  .cpuset = C_RANGE(0, 0.75),
			  .affinity = { .kind = KTSTR_AFFINITY_RANDOM_SUBSET, .count = 2 } },
			{ .name = "cg_1", .cpuset = C_RANGE(0.75, 1), BURSTS }) },

	/* --- policies --------------------------------------------------------------------------------------------- */
	{ { "sched_batch", "sched_class", "SCHED_BATCH", 1, 1 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .policy = { .kind = KTSTR_POLICY_BATCH } }, { .name = "cg_1" }) },
	{ { "sched_idle", "sched_class", "SCHED_IDLE beside tasks that sleep", 1, 1 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .policy = { .kind = KTSTR_POLICY_IDLE } }, { .name = "cg_1", BURSTS }) },
	{ { "sched_fifo", "sched_class", "SCHED_FIFO in bursts", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", BURSTS, .policy = { .kind = KTSTR_POLICY_FIFO, .priority = 1 } },
			{ .name = "cg_1" }) },
	{ { "sched_rr", "sched_class", "SCHED_RR in bursts", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", BURSTS, .policy = { .kind = KTSTR_POLICY_RR, .priority = 1 } },
			{ .name = "cg_1" }) },
	{ { "sched_mixed", "sched_class", "a cgroup a policy", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0" }, { .name = "cg_1", .policy = { .kind = KTSTR_POLICY_BATCH } },
			{ .name = "cg_2", BURSTS, .policy = { .kind = KTSTR_POLICY_FIFO, .priority = 1 } }) },
	{ { "cgroup_pipe_io", "sched_class", "pairs on a pipe beside spinning", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .workers = 2, CANNED_WORK(PIPE_IO) }, { .name = "cg_1" }) },

	/* --- performance ------------------------------------------------------------------------------------------ */
	{ { "cache_pressure_imbalance", "performance", "large working sets beside spinning", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .workers_share = 1, CANNED_WORK(CACHE_PRESSURE, .size_kib = 512) },
			{ .name = "cg_1", .workers = 1 }) },
	{ { "cache_yield_wake_affine", "performance", "working sets, yielding", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .workers_share = 1, CANNED_WORK(CACHE_YIELD) },
			{ .name = "cg_1", .workers = 2, CANNED_WORK(CACHE_YIELD) }) },
	{ { "cache_pipe_io_compute_imbalance", "performance", "working sets on a pipe beside computing", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .workers = 4, CANNED_WORK(CACHE_PIPE) },
			{ .name = "cg_1", .workers_share = 1 }) },
	{ { "fan_out_wake", "performance", "one wakes four", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .workers = 5, CANNED_WORK(FUTEX_FAN_OUT) },
			{ .name = "cg_1", .workers = 1 }) },
	{ { "fan_out_compute", "performance", "one wakes four, which compute", 1, 2 },
	  NULL,
	  CANNED_STEADY({ .name = "cg_0", .workers = 5, CANNED_WORK(FAN_OUT_COMPUTE, .size_kib = 12) }) },
	{ { .name = NULL } },
};
