/* SPDX-License-Identifier: GPL-2.0-only */
/* queue.c -- see queue.h. */
#include <stddef.h>

#include "lock/queue.h"

void queue_init(struct queue *q, unsigned overtakes_max)
{
	*q = (struct queue){ .overtakes_max = overtakes_max };
	list_init(&q->waiting);
	for (unsigned i = 0; i < QUEUE_WIDTHS; i++)
		list_init(&q->width[i]);
}

static unsigned width_of(const struct queue_entry *e)
{
	return MIN_OF(e->cpus, QUEUE_WIDTHS - 1);
}

static struct queue_entry *peer_entry(struct list *it)
{
	return list_entry(it, struct queue_entry, peer);
}

static bool goes_before(const struct queue_entry *a, const struct queue_entry *b)
{
	if (a->cpus != b->cpus)
		return a->cpus > b->cpus;
	return a->estimate != b->estimate ? a->estimate > b->estimate : a->arrival < b->arrival;
}

void queue_add(struct queue *q, struct queue_entry *e)
{
	struct list *peers = &q->width[width_of(e)], *after = peers->prev;
	e->arrival = q->arrivals++;
	e->left_behind = 0;
	e->urgent = false;
	/* Search from the end, because entries usually arrive longest first. */
	while (after != peers && goes_before(e, peer_entry(after)))
		after = after->prev;
	list_append(after->next, &e->peer);
	list_append(&q->waiting, &e->node);
	cpuset_add(&q->widths, width_of(e));
	q->count++;
}

static void unlink_entry(struct queue *q, struct queue_entry *e)
{
	list_remove(&e->node);
	list_remove(&e->peer);
	if (list_empty(&q->width[width_of(e)]))
		set_remove(&q->widths, width_of(e));
	q->count--;
}

void queue_remove(struct queue *q, struct queue_entry *e)
{
	for (struct list *it = e->node.prev; it != &q->waiting; it = it->prev)
		list_entry(it, struct queue_entry, node)->left_behind++;
	unlink_entry(q, e);
	q->removed++;
}

struct queue_entry *queue_oldest(const struct queue *q)
{
	return list_empty(&q->waiting) ? NULL : list_entry(q->waiting.next, struct queue_entry, node);
}

/*
 * All entries before the oldest have left, `arrival` of them. The others that left came later: they were removed
 * without admission (`left_behind`), or admitted. The result is wrong for other entries, because earlier ones still
 * wait.
 */
uint64_t queue_overtaken(const struct queue *q, const struct queue_entry *oldest)
{
	return q->taken + q->removed - oldest->arrival - oldest->left_behind;
}

void queue_urge(struct queue *q)
{
	struct queue_entry *oldest = queue_oldest(q);
	if (oldest)
		oldest->urgent = true;
}

static struct queue_entry *take_entry(struct queue *q, struct queue_entry *e)
{
	unlink_entry(q, e);
	q->taken++;
	return e;
}

static struct queue_entry *best_entry(struct queue *q, unsigned width, queue_fits_fn *may, void *data)
{
	list_for_each(it, &q->width[width])
		if (!may || may(data, peer_entry(it)))
			return peer_entry(it);
	return NULL;
}

struct queue_entry *queue_pick(struct queue *q, queue_fits_fn *may, queue_fits_fn *fits, void *data)
{
	struct queue_entry *oldest = queue_oldest(q);
	if (!oldest)
		return NULL;
	if (oldest->urgent || queue_overtaken(q, oldest) >= q->overtakes_max)
		return (!may || may(data, oldest)) && fits(data, oldest) ? take_entry(q, oldest) : NULL;
	for (unsigned w = set_last(&q->widths, SET_END); w < SET_END; w = set_last(&q->widths, w)) {
		struct queue_entry *best = best_entry(q, w, may, data);
		if (best && fits(data, best))
			return take_entry(q, best);
	}
	return NULL;
}
