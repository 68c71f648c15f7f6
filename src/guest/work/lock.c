/* SPDX-License-Identifier: GPL-2.0-only */
/* lock.c -- work types in which tasks share a lock or a queue. */
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>

#include "guest/work/work.h"

void mutex_contention(struct ktstr_worker *w)
{
	unsigned units = or_default(w->work->work_iters, 1024);
	ktstr_worker_spin(w, units);
	futex_lock_take(w);
	ktstr_worker_spin(w, or_default(w->work->hold_iters, 256));
	futex_lock_give(w);
	ktstr_worker_turn(w, units);
}

/* --- priority inversion ------------------------------------------------------------------------------------------- */

/* Member order in the group: high, medium, low. */
enum tier { HIGH, MEDIUM, LOW };

static enum tier tier(const struct ktstr_worker *w)
{
	unsigned high = or_default(w->work->high, 1), medium = or_default(w->work->medium, 1);
	return w->member < high ? HIGH : w->member < high + medium ? MEDIUM : LOW;
}

void inversion_begin(struct ktstr_worker *w)
{
	static const int priority[] = { [HIGH] = 3, [MEDIUM] = 2, [LOW] = 1 };
	int r = own_policy(SCHED_FIFO, priority[tier(w)]);
	if (r < 0)
		worker_refuse(w, TROUBLE_WORK, r, "SCHED_FIFO");
}

static void inversion_take(struct ktstr_worker *w)
{
	if (!w->work->pi) {
		futex_lock_take(w);
		return;
	}
	uint32_t free_word = 0;
	static const struct timespec timeout = { .tv_sec = 3600 };
	if (atomic_compare_exchange_strong(&w->group->lock, &free_word, (uint32_t)w->slot->report.tid))
		return;
	ktstr_worker_block(w);
	while (syscall(SYS_futex, &w->group->lock, FUTEX_LOCK_PI, 0, &timeout, NULL, 0) < 0 && !ktstr_worker_stopped(w))
		;
	worker_woken_since(w, &w->group->stamp);
}

static void inversion_give(struct ktstr_worker *w)
{
	if (!w->work->pi) {
		futex_lock_give(w);
		return;
	}
	stamp(w, &w->group->stamp);
	uint32_t mine = (uint32_t)w->slot->report.tid;
	if (!atomic_compare_exchange_strong(&w->group->lock, &mine, 0))
		syscall(SYS_futex, &w->group->lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
}

/* Real-time tasks leave the CPU to others between turns. The subject is priority inversion, not a saturated machine. */
void priority_inversion(struct ktstr_worker *w)
{
	unsigned units = or_default(w->work->work_iters, 1024);
	if (tier(w) != MEDIUM) {
		inversion_take(w);
		ktstr_worker_spin(w, tier(w) == LOW ? or_default(w->work->hold_iters, 4096) : 64);
		inversion_give(w);
	}
	ktstr_worker_spin(w, units);
	worker_count(w, units);
	sleep_for(w, (200 + (nsec_t)rng_below(&w->rng, 200)) * NSEC_PER_USEC);
}

/* --- producers and consumers -------------------------------------------------------------------------------------- */

struct imbalance_state {
	nsec_t next;
};

void imbalance_begin(struct ktstr_worker *w)
{
	struct imbalance_state *s = calloc(1, sizeof(*s));
	if (!s)
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	s->next = nsec_now();
	w->state = s;
}

static void produce(struct ktstr_worker *w)
{
	struct imbalance_state *s = w->state;
	struct work_group *g = w->group;
	uint32_t depth = MIN_OF(or_default(w->work->depth, 1024), (unsigned)GROUP_QUEUE_MAX);
	s->next += NSEC_PER_SEC / or_default(w->work->rate_hz, 1000);
	struct moment now = moment_now(w);
	s->next = MAX_OF(s->next, now.ns);
	sleep_until(w, &now, s->next);
	futex_lock_take(w);
	bool room = atomic_load(&g->tail) - atomic_load(&g->head) < depth;
	if (room) {
		stamp(w, &g->queue[atomic_load(&g->tail) % GROUP_QUEUE_MAX]);
		atomic_fetch_add(&g->tail, 1);
	}
	futex_lock_give(w);
	if (room) {
		atomic_fetch_add(&g->items, 1);
		futex_wake(&g->items, 1);
	}
	worker_count(w, 1);
}

static void consume(struct ktstr_worker *w)
{
	struct work_group *g = w->group;
	futex_lock_take(w);
	bool some = atomic_load(&g->tail) != atomic_load(&g->head);
	int64_t queued = some ? atomic_load(&g->queue[atomic_load(&g->head) % GROUP_QUEUE_MAX]) : 0;
	if (some)
		atomic_fetch_add(&g->head, 1);
	uint32_t seen = atomic_load(&g->items);
	futex_lock_give(w);
	if (!some) {
		ktstr_worker_block(w);
		futex_wait(&g->items, seen);
		ktstr_worker_resume(w);
		return;
	}
	worker_sample_since(w, queued);
	unsigned units = or_default(w->work->work_iters, 4096);
	ktstr_worker_spin(w, units);
	ktstr_worker_turn(w, units);
}

void producer_consumer(struct ktstr_worker *w)
{
	if (w->member < or_default(w->work->producers, 2))
		produce(w);
	else
		consume(w);
}
