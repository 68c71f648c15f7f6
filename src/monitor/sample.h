/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample.h -- what the monitor sees of a guest kernel at one moment. A value that this kernel does not have, or that
 * could not be read, is absent: its bit in `has` is not set, and it is null in JSON.
 */
#ifndef KTSTR_MONITOR_SAMPLE_H
#define KTSTR_MONITOR_SAMPLE_H

#include "monitor/view.h"

/*
 * One row a value: name in struct cpu_sample and in JSON, where it is (per-CPU symbol or base, member path), and what
 * it is. sample.c reads by this table; report, schema and docs come from it.
 */
#define CPU_SAMPLE_VALUES(X)                                                                    \
	X(nr_running, RQ, "nr_running", "tasks that run or wait on this CPU")                   \
	X(clock, RQ, "clock", "rq->clock, ns")                                                  \
	X(nr_switches, RQ, "nr_switches", "context switches so far")                            \
	X(scx_nr_running, RQ, "scx.nr_running", "of these, tasks of sched_ext")                 \
	X(scx_flags, RQ, "scx.flags", "SCX_RQ_* bits")                                          \
	X(local_dsq_nr, RQ, "scx.local_dsq.nr", "tasks in the CPU's local dispatch queue")      \
	X(run_delay, RQ, "rq_sched_info.run_delay", "ns that tasks waited on this CPU, so far") \
	X(pcount, RQ, "rq_sched_info.pcount", "times that tasks ran, so far")                   \
	X(yld_count, RQ, "yld_count", "sched_yield() calls so far")                             \
	X(sched_count, RQ, "sched_count", "calls of schedule() so far")                         \
	X(sched_goidle, RQ, "sched_goidle", "times the CPU went idle, so far")                  \
	X(ttwu_count, RQ, "ttwu_count", "wake-ups so far")                                      \
	X(ttwu_local, RQ, "ttwu_local", "of these, on the same CPU")                            \
	X(avg_irq, RQ, "avg_irq.util_avg", "share of interrupts, PELT, of 1024")

enum cpu_value {
#define X(name, base, path, does) CPU_VALUE_##name,
	CPU_SAMPLE_VALUES(X)
#undef X
		CPU_VALUE_COUNT,
};

struct cpu_sample {
	uint64_t value[CPU_VALUE_COUNT];
	uint32_t has;	 /* bit of each value that is present */
	int32_t current; /* pid of the running task; -1: unknown */
	char comm[16];	 /* its name, raw */
};

struct sample {
	uint64_t at_ns; /* guest time; host time since the start on kvm */
	unsigned cpus;
	struct cpu_sample *cpu; /* owned */
};

#endif
