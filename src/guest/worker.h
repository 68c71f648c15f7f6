/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * worker.h -- worker processes and what is known of them.
 *
 * A worker's telemetry lives in memory that it shares with the engine, not in a message at its end: a worker that a
 * broken scheduler never runs again is still fully known.
 */
#ifndef KTSTR_GUEST_WORKER_H
#define KTSTR_GUEST_WORKER_H

#include <stdatomic.h>

#include <ktstr/wire.h>
#include <ktstr/work.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/time.h"
#include "guest/channel.h"

#define WORKERS_MAX	     4096
#define WORKER_SAMPLES_MAX   100000	/* reservoir of wake-up latencies, a worker */
#define WORKER_CHECK_UNITS   1024	/* work units between two looks at the clock */
#define WORKER_STOP_DEADLINE (5 * NSEC_PER_SEC)

/* One worker's page in shared memory. */
struct worker_slot {
	struct wire_worker report;	/* written by the worker, read by the engine after its end */
	_Atomic int64_t last_check_ns;	/* 0 until it first ran */
	_Atomic int64_t blocked;	/* 1: between block() and woken(): waiting is its own choice */
	_Atomic uint32_t futex;		/* FUTEX_PING_PONG: its own word */
	_Atomic int64_t stamp_ns;	/* when the partner (or the child) last woke it */
	int64_t began_ns;
	uint32_t sample[WORKER_SAMPLES_MAX];
};

/* Shared by a crew. */
struct crew_shared {
	_Atomic uint32_t started;	/* futex: 0 until all may run */
	_Atomic uint32_t stopped;
};

struct work_type;

/* A worker, in its own process. */
struct ktstr_worker {
	struct worker_slot *slot;
	struct worker_slot *partner;	/* paired types */
	struct crew_shared *shared;
	const struct ktstr_work *work;
	const struct work_type *type;
	struct rng rng;
	uint64_t next_check;
	int pipe_in, pipe_out;		/* PIPE_IO */
	unsigned cpu;
	unsigned member;		/* number within its group */
	bool dear_pause;		/* the processor is emulated: see ktstr_worker_spin */
};

struct crew_member {
	const struct ktstr_work *work;
	uint32_t cgroup;		/* index for reports */
	const char *cgroup_name;
	unsigned member, group_first;	/* position in its pair; index of the pair's first worker */
	pid_t pid;
	int pidfd;
	int pipe_in, pipe_out;
	nsec_t start_offset;
	bool over;
};

/* The workers of one step. */
struct crew {
	struct crew_member *member;
	struct worker_slot *slot;
	struct crew_shared *shared;
	size_t count, cap;
	struct rng rng;
};

int crew_init(struct crew *c, uint64_t seed, struct err **err);
/* Ends what still runs. */
void crew_done(struct crew *c);
/* Adds @count workers of one kind; the cgroup exists by crew_start(). Nothing runs yet. */
int crew_add(struct crew *c, const struct ktstr_work *work, unsigned count, uint32_t cgroup, const char *cgroup_name,
	     struct err **err);
/* Forks them in an order drawn from the seed, moves each to its cgroup, lets them go at offsets drawn from the seed. */
int crew_start(struct crew *c, struct err **err);
/* Stops them and waits, 5 s together; whoever has not ended by then is killed and reported as it stands. */
void crew_stop(struct crew *c);
/* Sends every worker's telemetry, numbered from @first. */
void crew_report(struct crew *c, struct channel *channel, uint32_t first);
uint64_t crew_iterations(const struct crew *c);

/* What a type is: one row of the table in work.c. */
struct work_type {
	const char *name;	/* PascalCase, as in reports */
	unsigned group;		/* the number of workers must be a multiple */
	void (*turn)(struct ktstr_worker *w);	/* one turn; called until stopped */
};
const struct work_type *work_type(const struct ktstr_work *work);
const char *work_name(const struct ktstr_work *work);

/* In the worker's process: from its first to its last instruction there. */
void worker_main(struct ktstr_worker *w, nsec_t start_offset) __attribute__((noreturn));
void worker_checkpoint(struct ktstr_worker *w);

#endif
