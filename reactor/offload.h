/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * offload.h -- a small pool of threads for libraries that block (archives, ELF, large hashes), and the only place with
 * threads. A job function accesses its argument, and nothing of the reactor.
 */
#ifndef KTSTR_REACTOR_OFFLOAD_H
#define KTSTR_REACTOR_OFFLOAD_H

#include <stdatomic.h>

#include "base/list.h"

struct machine;

struct offload_job {
	struct list node;
	int (*fn)(void *arg);
	void *arg;
	int result;
	atomic_bool cancelled; /* request to end early: long jobs check it between steps */
	struct machine *waiter;
};

struct offload_pool;

#define OFFLOAD_THREADS 2

/* A pool thread calls @notify after it has added a job to the finished list. */
struct offload_pool *offload_pool_new(unsigned threads, void (*notify)(void *), void *data);
struct offload_pool *offload_pool_free(struct offload_pool *p);
void offload_pool_submit(struct offload_pool *p, struct offload_job *job);
/* Moves all finished jobs to @ret. */
void offload_pool_finished(struct offload_pool *p, struct list *ret);

static inline bool offload_cancelled(struct offload_job *job)
{
	return atomic_load_explicit(&job->cancelled, memory_order_relaxed);
}

/* For backends: wakes the machine that waits for @job. */
void offload_finished(struct offload_job *job);

#endif
