/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * defaults.c -- all work types with default parameters, under healthy schedulers: a failure here is a fault of this
 * project. There is one test per type and scheduler, of the default length (`make soak` runs them over many seeds); the
 * sample_* tests run all types in a few machines.
 */
#include <stddef.h>

#include <ktstr/ktstr.h>

#define PHASES                                                                                             \
	KTSTR_PHASES({ KTSTR_PHASE_SPIN, 5000 }, { KTSTR_PHASE_SLEEP, 2000 }, { KTSTR_PHASE_YIELD, 1000 }, \
		     { KTSTR_PHASE_IO, 2000 }, { KTSTR_PHASE_ALU_HOT, 5000 })

/* X(scheduler, type, workers: two groups, parameters that have no default...) */
/* clang-format off */
#define FLAT_TYPES(X, S) \
	X(S, SPIN_WAIT, 2) X(S, YIELD_HEAVY, 2) X(S, MIXED, 2) X(S, IO_SYNC_WRITE, 2) X(S, IO_RAND_READ, 2) \
	X(S, IO_CONVOY, 2) X(S, BURSTY, 2) X(S, IDLE_CHURN, 2) X(S, PIPE_IO, 4) X(S, FUTEX_PING_PONG, 4) \
	X(S, CACHE_PRESSURE, 2) X(S, CACHE_YIELD, 2) X(S, CACHE_PIPE, 4) X(S, FUTEX_FAN_OUT, 10) \
	X(S, FAN_OUT_COMPUTE, 10) X(S, SEQUENCE, 2, .phases = PHASES) X(S, FORK_EXIT, 2) \
	X(S, NICE_SWEEP, 2) X(S, AFFINITY_CHURN, 2) X(S, CROSS_AFFINITY_CHURN, 2) X(S, POLICY_CHURN, 2) \
	X(S, PAGE_FAULT_CHURN, 2) X(S, MUTEX_CONTENTION, 8) X(S, THUNDERING_HERD, 16) \
	X(S, PRIORITY_INVERSION, 6) X(S, PRODUCER_CONSUMER_IMBALANCE, 6) X(S, RT_STARVATION, 4) \
	X(S, ASYMMETRIC_WAKER, 4) X(S, WAKE_CHAIN, 8) X(S, CGROUP_CHURN, 2) X(S, CGROUP_ATTACH_STORM, 2) \
	X(S, SIGNAL_STORM, 4) X(S, PREEMPT_STORM, 6) X(S, EPOLL_STORM, 6) X(S, ALU_HOT, 2) \
	X(S, IPC_VARIANCE, 2) X(S, TIMER_LATENCY, 2) X(S, NET_TRAFFIC, 2) X(S, IRQ_WAKE, 4) \
	X(S, SCHBENCH, 2) X(S, TAOBENCH, 2)
/* clang-format on */
#define NODE_TYPES(X, S) X(S, NUMA_WORKING_SET_SWEEP, 2) X(S, NUMA_MIGRATION_CHURN, 2)
#define CORE_TYPES(X, S) X(S, SMT_SIBLING_SPIN, 4)

#define FLAT  .cores = 4
#define NODES .numa_nodes = 2, .llcs = 2, .cores = 2
#define CORES .cores = 2, .threads = 2

/* --- one test per type and scheduler: two seconds, the default duration ------------------------------------------- */

#define ALONE(SCHED, NAME, TYPE, WORKERS, TOPOLOGY, ...)                                                              \
	KTSTR_TEST(NAME, .scheduler = SCHED, TOPOLOGY)                                                                \
	{                                                                                                             \
		return ktstr_run_cgroups(                                                                             \
			t,                                                                                            \
			KTSTR_CGROUPS({ .name = "g", .workers = WORKERS, .work = KTSTR_WORK(TYPE, ##__VA_ARGS__) })); \
	}

#define ON_FLAT(S, TYPE, WORKERS, ...)	ALONE(SCHED_##S, S##_##TYPE, TYPE, WORKERS, FLAT, ##__VA_ARGS__)
#define ON_NODES(S, TYPE, WORKERS, ...) ALONE(SCHED_##S, S##_##TYPE, TYPE, WORKERS, NODES, ##__VA_ARGS__)
#define ON_CORES(S, TYPE, WORKERS, ...) ALONE(SCHED_##S, S##_##TYPE, TYPE, WORKERS, CORES, ##__VA_ARGS__)
#define EACH_TYPE(S)			FLAT_TYPES(ON_FLAT, S) NODE_TYPES(ON_NODES, S) CORE_TYPES(ON_CORES, S)

KTSTR_SCHEDULER(simple, .binary = "scx_simple");
KTSTR_SCHEDULER(qmap, .binary = "scx_qmap");
KTSTR_SCHEDULER(central, .binary = "scx_central", .load_cpu = KTSTR_CPU(0));
KTSTR_SCHEDULER(flatcg, .binary = "scx_flatcg");

#define SCHED_eevdf   NULL
#define SCHED_simple  &simple
#define SCHED_qmap    &qmap
#define SCHED_central &central
#define SCHED_flatcg  &flatcg

EACH_TYPE(eevdf)
EACH_TYPE(simple)
EACH_TYPE(qmap)
EACH_TYPE(central)
EACH_TYPE(flatcg)

/* --- the sample: one step per type, one after the other ----------------------------------------------------------- */

/* Initialisers, for constant data: the macros of ktstr/work.h are values. */
#define STEP(MS, TYPE, WORKERS, ...) \
	{ .name = #TYPE,             \
	  .hold = { .ms = MS },      \
	  .cgroups = KTSTR_CGROUPS(  \
		  { .name = "g", .workers = WORKERS, .work = { .type = KTSTR_WORK_##TYPE, ##__VA_ARGS__ } }) },

#define SAMPLE(ID, TYPES, ...)                                                               \
	static const struct ktstr_step steps_##ID[] = { TYPES(STEP, 1000){ .name = NULL } }; \
	KTSTR_TEST(sample_##ID, ##__VA_ARGS__)                                               \
	{                                                                                    \
		return ktstr_run_steps(t, steps_##ID);                                       \
	}

SAMPLE(flat, FLAT_TYPES, FLAT, .duration_s = 30)
SAMPLE(nodes, NODE_TYPES, NODES)
SAMPLE(cores, CORE_TYPES, CORES)

/* Two workers for two seconds: if four CPUs share one clock, one of their requests takes longer than that. */
KTSTR_TEST(sample_schbench, FLAT)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "g", .workers = 2, .work = KTSTR_WORK(SCHBENCH) }));
}
