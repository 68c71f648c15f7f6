/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * observe.h -- reads the kernel's data about workers: procfs, schedstat, software performance counters, scheduling
 * system calls. Only the numbers of turns and work units come from the workers.
 */
#ifndef OBSERVE_H
#define OBSERVE_H

#include <stdbool.h>
#include <stdint.h>

#include <ktstr/ktstr.h>

#define SEEN_MAX 64

enum counter { COUNT_SWITCHES, COUNT_MIGRATIONS, COUNT_FAULTS, COUNT_SIGNALS, COUNTERS };

/* Differences over the time of one observe(), unless it says otherwise. */
struct seen {
	int pid;
	unsigned member;
	char cgroup[64]; /* its cgroup at the end */
	uint64_t turns, units;
	uint64_t ns;			 /* time between the first and the last reading of this worker */
	uint64_t run_ns, wait_ns;	 /* on a CPU; waiting for one */
	uint64_t faults;		 /* minor ones */
	uint64_t voluntary, involuntary; /* context switches */
	uint64_t read_bytes, written_bytes, reads, writes; /* by system calls */
	uint64_t count[COUNTERS];
	uint64_t rss_kib; /* at the end */
	unsigned threads; /* at the end */
	/* Over all readings in between. */
	unsigned looks;
	uint64_t policies;   /* bit mask of SCHED_* */
	uint64_t nices;	     /* bit mask, bit 0 is nice -20 */
	uint64_t priorities; /* bit mask of real-time priorities below 64, also inherited ones */
	uint64_t cpus;	     /* bit mask of CPUs that it ran on */
	uint64_t pinned;     /* bit mask of CPUs that were its only allowed CPU */
	unsigned cgroups;    /* number of different cgroups that it was in */
	uint64_t nodes;	     /* bit mask of nodes with pages of its largest mapping */
	uint64_t slack_ns;   /* timer slack, at the end */
};

struct sight {
	struct seen worker[SEEN_MAX];
	unsigned workers;
	uint64_t ns;	       /* length of the observation */
	uint64_t forks;	       /* on the whole machine, as the next two */
	uint64_t packets;      /* received by the loopback device */
	uint64_t net_softirqs; /* in which packets were received */
};

/* Observes for @ms and reads each worker every @step_us. @signals: also counts the signals that they send. */
void observe(struct ktstr_ctx *t, unsigned ms, unsigned step_us, bool signals, struct sight *ret);
void sight_print(const struct sight *s, const char *title);
unsigned bits(uint64_t mask);

#endif
