/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * observe.h -- workers as the kernel sees them: procfs, schedstat, software performance counters, scheduling system
 * calls. Nothing here asks the worker itself, except for the number of its turns.
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
	char cgroup[64]; /* where the kernel says that it is, at the end */
	uint64_t turns, units;
	uint64_t ns;			 /* how long it was, between this worker's looks at its time */
	uint64_t run_ns, wait_ns;	 /* on a CPU; wanting one */
	uint64_t faults;		 /* minor ones */
	uint64_t voluntary, involuntary; /* context switches */
	uint64_t read_bytes, written_bytes, reads, writes; /* by system calls */
	uint64_t count[COUNTERS];
	uint64_t rss_kib; /* at the end */
	unsigned threads; /* likewise */
	/* over all looks in between */
	unsigned looks;
	uint64_t policies;   /* bit mask of SCHED_* */
	uint64_t nices;	     /* bit mask, bit 0 is nice -20 */
	uint64_t priorities; /* bit mask of real-time priorities below 64, inherited ones too */
	uint64_t cpus;	     /* bit mask of those it was seen on */
	uint64_t pinned;     /* bit mask of those it was pinned to, alone */
	unsigned cgroups;    /* different ones it was seen in */
	uint64_t nodes;	     /* bit mask of those that had pages of its largest mapping */
	uint64_t slack_ns;   /* timer slack, at the end */
};

struct sight {
	struct seen worker[SEEN_MAX];
	unsigned workers;
	uint64_t ns;	       /* how long it was */
	uint64_t forks;	       /* of the whole machine; so are these */
	uint64_t packets;      /* received by the loopback device */
	uint64_t net_softirqs; /* in which packets were received */
};

/* Looks on for @ms, at each worker every @step_us. @signals: also counts those that they send. */
void observe(struct ktstr_ctx *t, unsigned ms, unsigned step_us, bool signals, struct sight *ret);
void sight_print(const struct sight *s, const char *title);
unsigned bits(uint64_t mask);

#endif
