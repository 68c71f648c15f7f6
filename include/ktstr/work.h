/* SPDX-License-Identifier: GPL-2.0-only */
/* work.h -- what a worker does, again and again, until it is told to stop. */
#ifndef KTSTR_WORK_H
#define KTSTR_WORK_H

#include <stdbool.h>
#include <stdint.h>

enum ktstr_work_type {
	KTSTR_WORK_SPIN_WAIT,		/* spins with the pause hint */
	KTSTR_WORK_YIELD_HEAVY,		/* sched_yield() at every turn */
	KTSTR_WORK_MIXED,		/* spins, then yields */
	KTSTR_WORK_BURSTY,		/* spins for burst_ms, sleeps for sleep_ms */
	KTSTR_WORK_PIPE_IO,		/* pairs: spins, then trades a byte with the partner */
	KTSTR_WORK_FUTEX_PING_PONG,	/* pairs: wakes the partner, waits for its own word */
	KTSTR_WORK_FORK_EXIT,		/* forks a child that exits at once, and waits for it */
	KTSTR_WORK_CUSTOM,		/* the test's own function */
	KTSTR_WORK_TYPE_MAX,
};

struct ktstr_worker;
typedef void ktstr_work_fn(struct ktstr_worker *w, void *arg);

/* Parameters; 0 takes the default of the type. */
struct ktstr_work {
	enum ktstr_work_type type;
	unsigned burst_ms;	/* BURSTY: 50 */
	unsigned sleep_ms;	/* BURSTY: 100 */
	unsigned spin_iters;	/* PIPE_IO, FUTEX_PING_PONG: 1024 */
	const char *name;	/* CUSTOM: for reports */
	ktstr_work_fn *fn;	/* CUSTOM: runs until ktstr_worker_stopped() */
	void *arg;
};

#define KTSTR_WORK(TYPE, ...) ((struct ktstr_work){ .type = KTSTR_WORK_##TYPE, ##__VA_ARGS__ })

/* For custom functions. A worker that counts neither units nor iterations is not judged by progress. */
bool ktstr_worker_stopped(const struct ktstr_worker *w);
void ktstr_worker_spin(struct ktstr_worker *w, unsigned iterations);
/* Ends one turn: counts it, and looks at the clock and the CPU now and then. */
void ktstr_worker_turn(struct ktstr_worker *w, uint64_t units);
/* Around a wait that is meant: the time in between is no gap; the second records how late the wake-up was. */
void ktstr_worker_block(struct ktstr_worker *w);
void ktstr_worker_woken(struct ktstr_worker *w, uint64_t latency_ns);

#endif
