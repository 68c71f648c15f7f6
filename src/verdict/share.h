/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * share.h -- how much CPU time a worker may count on, and what a window of time can show of it.
 *
 * A test can ask for starvation itself: by cgroup weights, quotas, nice values, policies, or by many workers on few
 * CPUs. And a short window shows less than a long one, under any scheduler. What is worked out here is what no
 * scheduler can be blamed for.
 */
#ifndef KTSTR_VERDICT_SHARE_H
#define KTSTR_VERDICT_SHARE_H

#include "verdict/evidence.h"

/* The longest time slice that a healthy scheduler gives by default: sched_ext's SCX_SLICE_DFL. EEVDF's are shorter. */
#define SHARE_SLICE (20 * NSEC_PER_MSEC)

/*
 * In this time a healthy scheduler evens out queues of unequal length. EEVDF looks at them every 32 ms for each CPU
 * while all are busy, moves one task at a time, and only at the second look where the difference is one task.
 */
#define SHARE_SETTLING (NSEC_PER_SEC)

/* CPUs on which the load may run; at least 1. */
uint32_t share_cpus(const struct evidence *e, uint32_t load);
/* All loads of a test, as if they ran at the same time. */
struct share_rivals {
	double tasks;	    /* weights of all ordinary workers; 1: nice 0 */
	double groups;	    /* weights of the cgroups, each once; 100: the usual */
	uint32_t workers;   /* all of them */
	uint32_t real_time; /* those with a real-time policy */
};
struct share_rivals share_rivals(const struct evidence *e);
/*
 * The share of one CPU that each worker of a load may count on, 0 .. 1: with or without the kernel's group scheduling,
 * whichever gives it less. @scx: a sched_ext scheduler is under test; the kernel keeps no time for its tasks beside
 * real-time ones.
 */
double share_of_worker(const struct evidence *e, uint32_t load, const struct share_rivals *r, bool scx);
/*
 * How long a worker with that share may go without a turn: the time in which its share comes to two slices. One may
 * come first in a round, and last in the next.
 */
nsec_t share_patience(double share);
/*
 * How far apart, in percentage points, the CPU shares of a load's workers may be after @window, beyond what a limit for
 * long windows allows:
 *
 *	100 * (2 * SHARE_SLICE + uneven * min(SHARE_SETTLING, window)) / window
 *
 * A slice at either end of the window is one worker's and not another's. And @workers tasks on @cpus CPUs rarely
 * divide: some queues are one task longer, and a task gets 1/(n + 1) of its CPU there instead of 1/n, which is `uneven`
 * (for @workers, or for @all workers of the test if that is more), until the scheduler has moved tasks about.
 */
double share_spread_floor(uint32_t workers, uint32_t all, uint32_t cpus, nsec_t window);

#endif
