/* SPDX-License-Identifier: GPL-2.0-only */
/* queue.c -- see queue.h. */
#include <stddef.h>

#include "lock/queue.h"

void queue_init(struct queue *q, unsigned overtakes_max)
{
	*q = (struct queue){ .overtakes_max = overtakes_max };
	list_init(&q->waiting);
}

void queue_add(struct queue *q, struct queue_entry *e)
{
	e->arrival = q->arrivals++;
	e->overtaken = 0;
	list_append(&q->waiting, &e->node);
	q->count++;
}

void queue_remove(struct queue *q, struct queue_entry *e)
{
	list_remove(&e->node);
	q->count--;
}

struct queue_entry *queue_oldest(const struct queue *q)
{
	return list_empty(&q->waiting) ? NULL : list_entry(q->waiting.next, struct queue_entry, node);
}

static struct queue_entry *overdue(const struct queue *q)
{
	list_for_each(it, &q->waiting) {
		struct queue_entry *e = list_entry(it, struct queue_entry, node);
		if (e->overtaken >= q->overtakes_max)
			return e;
	}
	return NULL;
}

static bool goes_before(const struct queue_entry *a, const struct queue_entry *b)
{
	if (a->cpus != b->cpus)
		return a->cpus > b->cpus;
	return a->estimate != b->estimate ? a->estimate > b->estimate : a->arrival < b->arrival;
}

/* The best that comes after @last in the order of preference. */
static struct queue_entry *next_best(const struct queue *q, const struct queue_entry *last)
{
	struct queue_entry *best = NULL;
	list_for_each(it, &q->waiting) {
		struct queue_entry *e = list_entry(it, struct queue_entry, node);
		if ((!last || goes_before(last, e)) && (!best || goes_before(e, best)))
			best = e;
	}
	return best;
}

static struct queue_entry *take(struct queue *q, struct queue_entry *e)
{
	list_for_each(it, &q->waiting) {
		struct queue_entry *older = list_entry(it, struct queue_entry, node);
		if (older == e)
			break;
		older->overtaken++;
	}
	queue_remove(q, e);
	return e;
}

struct queue_entry *queue_pick(struct queue *q, queue_fits_fn *fits, void *data)
{
	struct queue_entry *first = overdue(q);
	if (first)
		return fits(data, first) ? take(q, first) : NULL;
	unsigned too_wide = 0;
	for (struct queue_entry *e = next_best(q, NULL); e; e = next_best(q, e)) {
		/* Nothing else is looked at of a width that did not fit: another of it does not either. */
		if (e->cpus == too_wide)
			continue;
		if (fits(data, e))
			return take(q, e);
		too_wide = e->cpus;
	}
	return NULL;
}
