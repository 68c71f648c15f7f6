/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * share.h -- how much CPU time each worker can expect, and how precisely a window of time can show it.
 *
 * A test can cause starvation itself: by cgroup weights, quotas, nice values, policies, or many workers on few CPUs.
 * And shares in a short window are uneven under any scheduler. The functions here compute these effects, so that they
 * are not blamed on the scheduler.
 */
#ifndef KTSTR_VERDICT_SHARE_H
#define KTSTR_VERDICT_SHARE_H

#include "verdict/evidence.h"

/* The longest time slice that a healthy scheduler gives by default: sched_ext's SCX_SLICE_DFL. EEVDF's are shorter. */
#define SHARE_SLICE (20 * NSEC_PER_MSEC)

/*
 * In this time a healthy scheduler balances queues of unequal length. While all CPUs are busy, EEVDF balances each CPU
 * every 32 ms and moves one task at a time; a difference of one task is only moved at the second attempt.
 */
#define SHARE_SETTLING (NSEC_PER_SEC)

/* CPUs on which the load may run; at least 1. */
uint32_t share_cpus(const struct evidence *e, uint32_t load);
/* All loads of a test, as if they ran at the same time. */
struct share_rivals {
	double tasks;	    /* weights of all ordinary workers; 1: nice 0 */
	double groups;	    /* weights of all cgroups; 100: the default of one */
	uint32_t workers;   /* number of all workers */
	uint32_t real_time; /* number of workers with a real-time policy */
};
struct share_rivals share_rivals(const struct evidence *e);
/*
 * The share of one CPU that each worker of a load can expect, 0 .. 1: the smaller one of the shares with and without
 * the kernel's group scheduling. @scx: a sched_ext scheduler is under test; beside real-time tasks the kernel reserves
 * no time for its tasks.
 */
double share_of_worker(const struct evidence *e, uint32_t load, const struct share_rivals *r, bool scx);
/*
 * How long a worker with that share may wait for a turn: the time in which its share amounts to two slices, because it
 * can be first in one round and last in the next.
 */
nsec_t share_wait_max(double share);
/*
 * How far apart, in percentage points, the CPU shares of a load's workers may be after @window, beyond what a limit for
 * long windows allows:
 *
 *	100 * (2 * SHARE_SLICE + uneven * min(SHARE_SETTLING, window)) / window
 *
 * At each end of the window, one worker has a slice that another has not. And if @workers is not a multiple of @cpus,
 * some queues are one task longer: a task there gets 1/(n + 1) of its CPU instead of 1/n until the scheduler has moved
 * tasks. The difference is `uneven`, for @workers or for @all workers of the test, whichever is more. Workers of other
 * loads sleep and wake, so beside them @workers count as uneven even if they divide.
 */
double share_spread_floor(uint32_t workers, uint32_t all, uint32_t cpus, nsec_t window);

#endif
