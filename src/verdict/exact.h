/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exact.h -- what each worker's schedule was, as numbers of the schedule model: waits, wake-ups, idle CPUs, shares. All
 * times are guest time. Who measures them is not known here.
 */
#ifndef KTSTR_VERDICT_EXACT_H
#define KTSTR_VERDICT_EXACT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* Percentiles are the upper limits of buckets that are at most 1/8 of their value wide. */
struct exact_worker {
	bool known; /* false: the model does not know the task */
	uint64_t run_ns, runs, preempted, migrations;
	uint64_t longest_wait_ns; /* from when it could run until it ran */
	uint64_t wait_end_ns;	  /* when that wait ended */
	bool wait_lasts;	  /* it had not ended when the guest ended */
	uint64_t wakeups, median_wakeup_ns, p99_wakeup_ns, longest_wakeup_ns;
	/* How much of the time from a wake-up until it ran one and the same CPU was idle on which it may run. */
	uint64_t median_idle_wakeup_ns, longest_idle_wakeup_ns;
	uint64_t idle_wakeup_end_ns; /* when the longest one ended */
	/* The longest time for which it waited while one CPU was idle on which it may run. */
	uint64_t idle_wait_ns, idle_wait_end_ns;
	uint32_t idle_cpu;
	uint64_t outside; /* how often it began to run on a CPU where it may not run */
	uint64_t outside_ns;
	uint32_t outside_cpu;
};

/* How durations are spread, in ns. */
struct exact_times {
	uint64_t count, p50, p90, p99, p999, max;
	uint64_t max_end_ns; /* when the longest one ended */
	int32_t tid;	     /* of the worker with the longest one; 0: there is none */
};

/* Places of a machine, from the smallest to the largest. */
enum exact_place { EXACT_CPU, EXACT_LLC, EXACT_NODE, EXACT_PLACES };

/* What the workers of a load, or of all loads of a control group, did in all. */
struct exact_figures {
	unsigned workers;		     /* that are known */
	struct exact_times wakeup;	     /* from a wake-up until the worker ran */
	struct exact_times wait;	     /* from when it could run until it ran */
	uint64_t run_ns, slices, migrations; /* slices: how often a worker was given a CPU */
	uint64_t moves
		[EXACT_PLACES]; /* to another CPU of the same LLC, to another LLC of the same node, to another node */
	/*
	 * How much of the run time in the windows each worker spent on the CPU, in the LLC, and on the node where it
	 * ran most; 0 .. 1. Not a number: no worker ran in a window.
	 */
	double home[EXACT_PLACES];
};

/* The longest wait of a task of a control group that is not a worker: a process that a worker made, or a program. */
struct exact_other {
	int32_t tid; /* 0: there was no such wait */
	uint64_t ns, end_ns;
	bool lasts; /* it had not ended when the guest ended */
};

/* A control group that has loads. */
struct exact_cgroup {
	uint32_t first; /* index of its first load, which has its name */
	struct exact_figures figures;
	struct exact_other other;
};

/* What all workers of a load did in a window, in sum. */
struct exact_share {
	uint64_t run_ns;
	uint64_t ready_ns; /* they ran or could run */
};

struct exact_window {
	uint64_t from_ns, to_ns;
	bool complete;		   /* no part of it was forgotten */
	struct exact_share *share; /* one a load; owned */
};

/* What the scheduler under test says of itself, by the callbacks that it has. */
enum exact_support { EXACT_UNKNOWN, EXACT_SUPPORTED, EXACT_UNSUPPORTED };

/*
 * The longest time in which a CPU was idle, and at every moment some task waited that may run there. `ns`: without what
 * gaps take away, see struct schedule_unused; `idle_ns`: without the gaps.
 */
struct exact_unused {
	uint64_t ns, idle_ns, first_ns, end_ns;
	int32_t tid; /* of one of these tasks; 0: not known */
};

struct exact_evidence {
	struct exact_worker *worker; /* one for each worker of the evidence; owned */
	unsigned workers;
	struct exact_unused *unused; /* one a CPU; owned */
	unsigned cpus;
	struct exact_window *window; /* one a hold, without the time in which shares settle; owned */
	unsigned windows;
	unsigned loads;		     /* of each window */
	struct exact_figures *load;  /* one a load; owned */
	struct exact_cgroup *cgroup; /* owned */
	unsigned cgroups;
	enum exact_support weight, nice, quota, hotplug;
	uint64_t events; /* of the scheduler that the model has seen */
	/* What the model did not see or forgot; 0: nothing. */
	uint64_t lost_events, lost_tasks, lost_gaps, lost_pairs;
};

static inline void exact_evidence_done(struct exact_evidence *x)
{
	for (unsigned i = 0; i < x->windows; i++)
		free(x->window[i].share);
	free(x->worker);
	free(x->load);
	free(x->cgroup);
	free(x->unused);
	free(x->window);
	*x = (struct exact_evidence){ 0 };
}

/* NULL: there are no figures of the worker with this index. */
static inline const struct exact_worker *exact_worker_at(const struct exact_evidence *x, uint32_t index)
{
	return x && index < x->workers && x->worker[index].known ? &x->worker[index] : NULL;
}

#endif
