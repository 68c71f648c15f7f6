/* SPDX-License-Identifier: GPL-2.0-only */
/* reactor.c -- the loop: wait, collect completions, run the ready queue, fire timers, free ended machines. */
#include <string.h>

#include "base/bug.h"
#include "reactor/machine.h"

/* --- timer heap: the earliest at heap[0]; a timer knows its slot, so that disarming needs no search --------------- */

static void heap_put(struct reactor *r, size_t i, struct timer *t)
{
	r->heap[i] = t;
	t->slot = i + 1;
}

static void heap_up(struct reactor *r, size_t i)
{
	struct timer *t = r->heap[i];
	for (; i && r->heap[(i - 1) / 2]->at > t->at; i = (i - 1) / 2)
		heap_put(r, i, r->heap[(i - 1) / 2]);
	heap_put(r, i, t);
}

static void heap_down(struct reactor *r, size_t i)
{
	struct timer *t = r->heap[i];
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= r->timers)
			break;
		if (child + 1 < r->timers && r->heap[child + 1]->at < r->heap[child]->at)
			child++;
		if (r->heap[child]->at >= t->at)
			break;
		heap_put(r, i, r->heap[child]);
		i = child;
	}
	heap_put(r, i, t);
}

/* The heap grows when a timer is armed and never shrinks. */
static int heap_reserve(struct reactor *r, size_t more)
{
	size_t need = r->timers + more;
	if (need <= r->heap_cap)
		return 0;
	size_t cap = MAX_OF(need, r->heap_cap * 2);
	struct timer **heap = realloc(r->heap, cap * sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	r->heap = heap;
	r->heap_cap = cap;
	return 0;
}

void timer_arm(struct reactor *r, struct timer *t, nsec_t at)
{
	timer_disarm(r, t);
	REQUIRE(heap_reserve(r, 1) == 0);
	t->at = at;
	r->heap[r->timers] = t;
	heap_up(r, r->timers++);
}

void timer_disarm(struct reactor *r, struct timer *t)
{
	if (!t->slot)
		return;
	size_t i = t->slot - 1;
	t->slot = 0;
	struct timer *last = r->heap[--r->timers];
	if (last == t)
		return;
	heap_put(r, i, last);
	heap_up(r, i);
	heap_down(r, last->slot - 1);
}

static void fire_timers(struct reactor *r)
{
	while (r->timers && r->heap[0]->at <= r->now) {
		struct timer *t = r->heap[0];
		timer_disarm(r, t);
		t->fire(t);
	}
}

/* --- operations --------------------------------------------------------------------------------------------------- */

void op_submit(struct reactor *r, struct op *op)
{
	REQUIRE(op->phase == OP_IDLE && op->done && op->kind < OP_KIND_MAX);
	op->phase = OP_FLYING;
	r->backend->submit(r, op);
}

void op_cancel(struct reactor *r, struct op *op)
{
	if (op->phase == OP_FLYING)
		r->backend->cancel(r, op);
}

void op_complete(struct reactor *r, struct op *op, int result)
{
	op->phase = OP_READY;
	op->result = result;
	list_append(&r->ready, &op->node);
}

static void run_ready(struct reactor *r)
{
	struct list batch;
	list_take(&batch, &r->ready);
	unsigned budget = REACTOR_READY_BUDGET;
	for (struct list *node; budget-- && (node = list_pop(&batch));) {
		struct op *op = list_entry(node, struct op, node);
		op->phase = OP_IDLE;
		r->stats.ops++;
		op->done(op);
	}
	/* Ops beyond the budget go back in front of newer ones. */
	while (!list_empty(&batch)) {
		struct list *last = batch.prev;
		list_remove(last);
		list_append(r->ready.next, last);
	}
}

/* --- the loop ----------------------------------------------------------------------------------------------------- */

struct reactor *reactor_alloc(const struct backend *backend, void *impl)
{
	struct reactor *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	*r = (struct reactor){ .backend = backend, .impl = impl };
	list_init(&r->ready);
	list_init(&r->doomed);
	list_init(&r->machines);
	return r;
}

struct reactor *reactor_free(struct reactor *r)
{
	if (!r)
		return NULL;
	REQUIRE(list_empty(&r->machines));
	r->backend->free(r);
	free(r->heap);
	free(r);
	return NULL;
}

/* Calls `done` of ended machines last, when no callback of this round can hold a pointer to them any more. */
static void finish_ended(struct reactor *r)
{
	for (struct list *node; (node = list_pop(&r->doomed));) {
		struct machine *m = list_entry(node, struct machine, node);
		struct machine *awaiter = m->awaiter;
		int result = m->result;
		if (m->type->done)
			m->type->done(m, result);
		if (awaiter)
			machine_wake(awaiter, result);
	}
}

nsec_t reactor_now(const struct reactor *r)
{
	return r->now;
}

/* Time in which the loop was stopped does not count towards deadlines: nothing could be reported to the loop then. */
static void postpone_deadlines(struct reactor *r, nsec_t expected, nsec_t now)
{
	nsec_t away = time_away(expected, now);
	if (!away)
		return;
	r->away += away;
	list_for_each(node, &r->machines)
		machine_postpone(list_entry(node, struct machine, node), away);
}

int reactor_turn(struct reactor *r, nsec_t until)
{
	bool busy = !list_empty(&r->ready) || !list_empty(&r->doomed);
	if (r->timers)
		until = MIN_OF(until, r->heap[0]->at);
	nsec_t before = r->now;
	until = busy ? 0 : r->backend->slices ? MIN_OF(until, before + TIME_SLICE) : until;
	int result = r->backend->wait(r, until);
	if (result < 0)
		return result;
	r->now = r->backend->now(r);
	postpone_deadlines(r, MAX_OF(until, before), r->now);
	r->stats.in_wait += r->now - before;
	run_ready(r);
	fire_timers(r);
	finish_ended(r);
	nsec_t after = r->backend->now(r);
	r->stats.in_handlers += after - r->now;
	postpone_deadlines(r, r->now, after);
	r->now = after;
	r->stats.turns++;
	return 0;
}

int reactor_run(struct reactor *r)
{
	r->stopping = false;
	r->now = r->backend->now(r);
	while (!r->stopping && !(list_empty(&r->machines) && list_empty(&r->doomed))) {
		int result = reactor_turn(r, NSEC_NEVER);
		if (result < 0)
			return result;
	}
	return 0;
}

void reactor_stop(struct reactor *r)
{
	r->stopping = true;
}

void reactor_cancel_all(struct reactor *r)
{
	list_for_each_safe(node, &r->machines) {
		struct machine *m = list_entry(node, struct machine, node);
		if (!m->parent)
			machine_cancel(m);
	}
}

void reactor_describe(const struct reactor *r, struct buf *out)
{
	static const char *const waits[WAIT_KIND_MAX] = {
		[WAIT_NONE] = "nothing",      [WAIT_OP] = "an operation", [WAIT_SLEEP] = "a timer",
		[WAIT_CHILD] = "a child",     [WAIT_OFFLOAD] = "a job",	  [WAIT_NOTICE] = "a notice",
		[WAIT_MACHINE] = "a machine",
	};
	list_for_each(node, &r->machines) {
		const struct machine *m = list_entry(node, struct machine, node);
		char path[256], since[TIME_TEXT_MAX], left[TIME_TEXT_MAX] = "none";
		if (m->deadline)
			nsec_format(MAX_OF(m->deadline - r->now, 0), left);
		buf_appendf(out, "%-40s %-12s for %-8s deadline in %-8s waits for %s\n",
			    machine_path(m, path, sizeof(path)), machine_state_name(m),
			    nsec_format(r->now - m->entered, since), left, waits[m->wait]);
	}
}
