/* SPDX-License-Identifier: GPL-2.0-only */
/* offload.c -- see offload.h. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "reactor/offload.h"

struct offload_pool {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct list queued, finished; /* under lock */
	bool closing;		      /* under lock */
	unsigned threads, started;
	pthread_t *thread;
	void (*notify)(void *);
	void *data;
};

static struct offload_job *next_job(struct offload_pool *p)
{
	pthread_mutex_lock(&p->lock);
	while (list_empty(&p->queued) && !p->closing)
		pthread_cond_wait(&p->work, &p->lock);
	struct list *node = list_pop(&p->queued);
	pthread_mutex_unlock(&p->lock);
	return node ? list_entry(node, struct offload_job, node) : NULL;
}

static void *run_jobs(void *arg)
{
	struct offload_pool *p = arg;
	for (struct offload_job *job; (job = next_job(p));) {
		job->result = offload_cancelled(job) ? -ECANCELED : job->fn(job->arg);
		pthread_mutex_lock(&p->lock);
		list_append(&p->finished, &job->node);
		pthread_mutex_unlock(&p->lock);
		p->notify(p->data);
	}
	return NULL;
}

/*
 * For the threads, which inherit it: signals are for the loop (signal.h). A thread that did not block one, because it
 * started before the loop did, would get it instead. Signals of a thread's own faults stay.
 */
static void block_signals(sigset_t *before)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };
	sigset_t set;
	sigfillset(&set);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&set, faults[i]);
	pthread_sigmask(SIG_SETMASK, &set, before);
}

/* Starts the threads with the first job, so that a run without jobs stays single-threaded. */
static void start_threads(struct offload_pool *p)
{
	sigset_t before;
	if (p->started)
		return;
	block_signals(&before);
	for (unsigned i = 0; i < p->threads; i++)
		if (pthread_create(&p->thread[i], NULL, run_jobs, p) == 0)
			p->started++;
		else
			break;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct offload_pool *offload_pool_new(unsigned threads, void (*notify)(void *), void *data)
{
	struct offload_pool *p = calloc(1, sizeof(*p));
	pthread_t *thread = calloc(threads, sizeof(*thread));
	if (!p || !thread) {
		free(p);
		free(thread);
		return NULL;
	}
	*p = (struct offload_pool){ .threads = threads, .thread = thread, .notify = notify, .data = data };
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	list_init(&p->queued);
	list_init(&p->finished);
	return p;
}

struct offload_pool *offload_pool_free(struct offload_pool *p)
{
	if (!p)
		return NULL;
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->started; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p->thread);
	free(p);
	return NULL;
}

void offload_pool_submit(struct offload_pool *p, struct offload_job *job)
{
	pthread_mutex_lock(&p->lock);
	list_append(&p->queued, &job->node);
	start_threads(p);
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
}

void offload_pool_finished(struct offload_pool *p, struct list *ret)
{
	pthread_mutex_lock(&p->lock);
	list_take(ret, &p->finished);
	pthread_mutex_unlock(&p->lock);
}
