/* SPDX-License-Identifier: GPL-2.0-only */
/* turn_queue.c -- see turn_queue.h. */
#include <stdlib.h>

#include "vmm/qemu/preload/turn_queue.h"

bool turn_queue_init(struct turn_queue *q, unsigned vcpus)
{
	*q = (struct turn_queue){ .entry = calloc(vcpus + 1, sizeof(*q->entry)),
				  .place = calloc(vcpus + 1, sizeof(*q->place)) };
	if (!q->entry || !q->place) {
		turn_queue_done(q);
		return false;
	}
	for (unsigned i = 0; i < vcpus; i++)
		q->place[i] = TURN_QUEUE_NOWHERE;
	return true;
}

void turn_queue_done(struct turn_queue *q)
{
	free(q->entry);
	free(q->place);
	*q = (struct turn_queue){ 0 };
}

static bool is_before(const struct turn_queue_entry *a, const struct turn_queue_entry *b)
{
	return a->at < b->at || (a->at == b->at && a->vcpu < b->vcpu);
}

static void set(struct turn_queue *q, unsigned place, struct turn_queue_entry e)
{
	q->entry[place] = e;
	q->place[e.vcpu] = place;
}

/* Puts @e at @place or above it, where its parent is before it. Returns where it is. */
static unsigned move_up(struct turn_queue *q, unsigned place, struct turn_queue_entry e)
{
	for (unsigned parent; place > 0 && is_before(&e, &q->entry[parent = (place - 1) / 2]); place = parent)
		set(q, place, q->entry[parent]);
	set(q, place, e);
	return place;
}

/* The same at @place or below it. */
static void move_down(struct turn_queue *q, unsigned place, struct turn_queue_entry e)
{
	for (unsigned child; (child = 2 * place + 1) < q->count; place = child) {
		if (child + 1 < q->count && is_before(&q->entry[child + 1], &q->entry[child]))
			child++;
		if (!is_before(&q->entry[child], &e))
			break;
		set(q, place, q->entry[child]);
	}
	set(q, place, e);
}

static void settle(struct turn_queue *q, unsigned place, struct turn_queue_entry e)
{
	if (move_up(q, place, e) == place)
		move_down(q, place, e);
}

void turn_queue_put(struct turn_queue *q, unsigned vcpu, int64_t at)
{
	unsigned place = q->place[vcpu] == TURN_QUEUE_NOWHERE ? q->count++ : q->place[vcpu];
	settle(q, place, (struct turn_queue_entry){ at, vcpu });
}

void turn_queue_remove(struct turn_queue *q, unsigned vcpu)
{
	unsigned place = q->place[vcpu];
	if (place == TURN_QUEUE_NOWHERE)
		return;
	q->place[vcpu] = TURN_QUEUE_NOWHERE;
	if (place != --q->count)
		settle(q, place, q->entry[q->count]);
}
