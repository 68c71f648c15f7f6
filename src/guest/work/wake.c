/* SPDX-License-Identifier: GPL-2.0-only */
/* wake.c -- work types in which tasks wake each other. */
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "guest/work/work.h"

void trade_byte(struct ktstr_worker *w, unsigned units)
{
	stamp(w, &w->member_slot[!w->member].stamp);
	if (!post(w, !w->member))
		return;
	ktstr_worker_block(w);
	bool woken = await_post(w);
	worker_woken_since(w, &w->slot->stamp);
	if (woken)
		worker_count(w, units);
}

void pipe_io(struct ktstr_worker *w)
{
	unsigned units = or_default(w->work->spin_iters, SPIN_UNITS);
	ktstr_worker_spin(w, units);
	trade_byte(w, units);
}

/* The first of the pair moves first: its word is 0. The second one waits for the first. */
void futex_ping_pong(struct ktstr_worker *w)
{
	unsigned units = or_default(w->work->spin_iters, SPIN_UNITS);
	struct worker_slot *partner = &w->member_slot[!w->member];
	if (w->member == 0 || w->slot->report.iterations) {
		ktstr_worker_spin(w, units);
		stamp(w, &partner->stamp);
		atomic_store(&partner->futex, 1);
		futex_wake(&partner->futex, 1);
	}
	ktstr_worker_block(w);
	while (!atomic_load(&w->slot->futex) && !ktstr_worker_stopped(w))
		futex_wait(&w->slot->futex, 0);
	atomic_store(&w->slot->futex, 0);
	worker_woken_since(w, &w->slot->stamp);
	worker_count(w, units);
}

void asymmetric_begin(struct ktstr_worker *w)
{
	int r = w->member ? own_policy(SCHED_FIFO, 1) : 0;
	if (r < 0)
		worker_refuse(w, TROUBLE_WORK, r, "SCHED_FIFO");
}

/* --- one wakes many ----------------------------------------------------------------------------------------------- */

static void broadcast(struct ktstr_worker *w)
{
	stamp(w, &w->group->stamp);
	atomic_fetch_add(&w->group->generation, 1);
	futex_wake(&w->group->generation, (int)w->members);
}

/* Waits until the generation differs from the one that this worker saw last (kept in its own futex word). */
static bool await_broadcast(struct ktstr_worker *w)
{
	uint32_t seen = atomic_load(&w->slot->futex), now;
	ktstr_worker_block(w);
	while ((now = atomic_load(&w->group->generation)) == seen && !ktstr_worker_stopped(w))
		futex_wait(&w->group->generation, seen);
	atomic_store(&w->slot->futex, now);
	worker_woken_since(w, &w->group->stamp);
	return !ktstr_worker_stopped(w);
}

void futex_fan_out(struct ktstr_worker *w)
{
	unsigned units = or_default(w->work->spin_iters, SPIN_UNITS);
	if (w->member == 0) {
		broadcast(w);
		ktstr_worker_spin(w, 256);
		ktstr_worker_turn(w, 256);
	} else if (await_broadcast(w)) {
		ktstr_worker_spin(w, units);
		worker_count(w, units);
	}
}

struct matrices {
	unsigned n;
	uint64_t *a, *b, *c;
};

void fan_out_begin(struct ktstr_worker *w)
{
	struct matrices *m = calloc(1, sizeof(*m));
	size_t bytes = (size_t)or_default(w->work->size_kib, 256) * 1024;
	if (!m)
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	m->n = (unsigned)sqrt((double)bytes / 3 / sizeof(uint64_t));
	m->n = MAX_OF(m->n, 1u);
	m->a = work_memory(w, 3 * sizeof(uint64_t) * m->n * m->n);
	m->b = m->a + m->n * m->n;
	m->c = m->b + m->n * m->n;
	w->state = m;
}

static void multiply(const struct ktstr_worker *w, struct matrices *m)
{
	for (unsigned i = 0; i < m->n && !ktstr_worker_stopped(w); i++)
		for (unsigned k = 0; k < m->n; k++) {
			uint64_t sum = 0;
			for (unsigned x = 0; x < m->n; x++)
				sum += m->a[i * m->n + x] * m->b[x * m->n + k];
			m->c[i * m->n + k] = sum;
		}
	__asm__ volatile("" : : "r"(m->c) : "memory");
}

void fan_out_compute(struct ktstr_worker *w)
{
	if (w->member == 0) {
		broadcast(w);
		ktstr_worker_spin(w, 256);
		ktstr_worker_turn(w, 256);
		return;
	}
	if (!await_broadcast(w))
		return;
	nsec_t wake = nsec_now() + or_default(w->work->sleep_us, 100) * NSEC_PER_USEC;
	struct timespec ts = nsec_to_timespec(wake);
	ktstr_worker_block(w);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	ktstr_worker_resume(w);
	for (unsigned i = 0; i < or_default(w->work->operations, 5) && !ktstr_worker_stopped(w); i++) {
		multiply(w, w->state);
		ktstr_worker_turn(w, SPIN_UNITS);
	}
}

void thundering_herd(struct ktstr_worker *w)
{
	if (w->member) {
		if (await_broadcast(w)) {
			ktstr_worker_spin(w, 64);
			worker_count(w, 1);
		}
		return;
	}
	sleep_for(w, or_default(w->work->sleep_ms, 5) * NSEC_PER_MSEC);
	if (atomic_load(&w->group->generation) < or_default(w->work->batches, 1000))
		broadcast(w);
	worker_count(w, 1);
}

/* --- a ring ------------------------------------------------------------------------------------------------------- */

static void work_us(struct ktstr_worker *w, unsigned us)
{
	nsec_t until = nsec_now() + us * NSEC_PER_USEC;
	while (nsec_now() < until && !ktstr_worker_stopped(w))
		ktstr_worker_spin(w, 64);
}

static bool await_token(struct ktstr_worker *w)
{
	if (!w->work->futex)
		return await_post(w);
	while (!atomic_load(&w->slot->futex) && !ktstr_worker_stopped(w))
		futex_wait(&w->slot->futex, 0);
	atomic_store(&w->slot->futex, 0);
	return !ktstr_worker_stopped(w);
}

/* One token circulates: the worker that holds it works and passes it on. */
void wake_chain(struct ktstr_worker *w)
{
	unsigned next = (w->member + 1) % w->members;
	bool first = w->member == 0 && !w->slot->report.iterations;
	if (!first) {
		ktstr_worker_block(w);
		bool woken = await_token(w);
		worker_woken_since(w, &w->slot->stamp);
		if (!woken)
			return;
	}
	work_us(w, or_default(w->work->work_us, 100));
	stamp(w, &w->member_slot[next].stamp);
	if (w->work->futex) {
		atomic_store(&w->member_slot[next].futex, 1);
		futex_wake(&w->member_slot[next].futex, 1);
	} else if (!post(w, next)) {
		return;
	}
	worker_count(w, SPIN_UNITS);
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static void produce_events(struct ktstr_worker *w)
{
	unsigned producers = or_default(w->work->producers, 1);
	for (unsigned i = 0; i < or_default(w->work->events, 32); i++) {
		uint64_t one = 1;
		unsigned to = producers + i % (w->members - producers);
		stamp(w, &w->member_slot[to].stamp);
		if (write(w->peer[to].fd_out, &one, sizeof(one)) < 0)
			break;
	}
	ktstr_worker_spin(w, SPIN_UNITS);
	ktstr_worker_turn(w, SPIN_UNITS);
	sched_yield();
}

/* The consumer that the kernel wakes reads what is there: the epoll set contains all consumers' inboxes. */
void epoll_storm(struct ktstr_worker *w)
{
	if (w->member < or_default(w->work->producers, 1)) {
		produce_events(w);
		return;
	}
	struct epoll_event event[32];
	uint64_t value, taken = 0;
	ktstr_worker_block(w);
	int n = epoll_wait(w->fd_shared, event, MIN_OF(or_default(w->work->events, 32), 32u), 100);
	if (n > 0)
		worker_woken_since(w, &w->member_slot[event[0].data.u32].stamp);
	else
		ktstr_worker_woken(w, 0);
	for (int i = 0; i < n; i++)
		if (read(w->peer[event[i].data.u32].fd_in, &value, sizeof(value)) == sizeof(value))
			taken += value;
	if (taken)
		worker_count(w, taken);
}

static void on_signal(int sig)
{
	(void)sig;
}

void signal_storm_begin(struct ktstr_worker *w)
{
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	sigaction(SIGUSR2, &act, NULL);
	atomic_store(&w->slot->ready, 1);
}

void signal_storm(struct ktstr_worker *w)
{
	struct worker_slot *slot = &w->member_slot[!w->member];
	pid_t partner = atomic_load(&slot->ready) ? slot->report.tid : 0;
	unsigned units = or_default(w->work->work_iters, 1024);
	for (unsigned i = 0; partner && i < or_default(w->work->signals, 16); i++)
		syscall(SYS_tgkill, partner, partner, SIGUSR2);
	ktstr_worker_spin(w, units);
	ktstr_worker_turn(w, units);
}
