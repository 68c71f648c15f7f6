/* SPDX-License-Identifier: GPL-2.0-only */
/* divide.c -- see divide.h. */
#include <math.h>
#include <stdlib.h>

#include "slurm/divide.h"

#define TASK_LEAST  (60 * NSEC_PER_SEC) /* a shorter task hardly pays for its start, if there is enough work */
#define MEMORY_STEP 512u		/* MiB; the smallest class of memory */
#define WAVES	    40			/* the last tasks take at least this part of a place's share of the work */
/* The first tasks take a part of a place's share. The smaller it is, the more tasks there are: two by this part. */
#define FIRST_LEAST 0.3
#define FIRST_MOST  0.85
#define FIRST_STEP  1.05
#define TASK_START  NSEC_PER_SEC /* about what it takes to start a task ... */
#define START_PART  0.03	 /* ... and for how much of the time tasks may be starting */
#define FLOOR_STEP  1.3		 /* of the last tasks, where even so there are too many */

/* Tests that need the same: one class. `item` is sorted by class, then the longest first. */
struct item {
	uint32_t test;
	nsec_t estimate;
	unsigned cpus;
	uint64_t memory_mib; /* of the class */
};

/* Four classes between two powers of two. */
static uint64_t memory_class(uint64_t mib)
{
	uint64_t power = MEMORY_STEP;
	while (2 * power <= mib)
		power *= 2;
	return MAX_OF((mib + power / 4 - 1) / (power / 4) * (power / 4), (uint64_t)MEMORY_STEP);
}

static int compare_items(const void *left, const void *right)
{
	const struct item *a = left, *b = right;
	if (a->memory_mib != b->memory_mib)
		return a->memory_mib < b->memory_mib ? 1 : -1;
	if (a->cpus != b->cpus)
		return a->cpus < b->cpus ? 1 : -1;
	if (a->estimate != b->estimate)
		return a->estimate < b->estimate ? 1 : -1;
	return a->test < b->test ? -1 : a->test > b->test;
}

/* The number of bits: tasks of similar length have the same. */
static unsigned length_band(nsec_t estimate)
{
	unsigned band = 0;
	for (; estimate > NSEC_PER_SEC; estimate /= 2)
		band++;
	return band;
}

/* The longest first. Tasks of similar length stand in the order of their needs: equal ones become one job array. */
static int compare_tasks(const void *left, const void *right)
{
	const struct divide_task *a = left, *b = right;
	unsigned band_a = length_band(a->estimate), band_b = length_band(b->estimate);
	if (band_a != band_b)
		return band_a < band_b ? 1 : -1;
	if (a->memory_mib != b->memory_mib)
		return a->memory_mib < b->memory_mib ? 1 : -1;
	if (a->cpus != b->cpus)
		return a->cpus < b->cpus ? 1 : -1;
	if (a->estimate != b->estimate)
		return a->estimate < b->estimate ? 1 : -1;
	return a->first < b->first ? -1 : a->first > b->first;
}

static bool same_class(const struct item *a, const struct item *b)
{
	return a->memory_mib == b->memory_mib && a->cpus == b->cpus;
}

/* How many machines of the class fit on the node. */
static unsigned node_places(const struct slurm_node *n, const struct item *i)
{
	uint64_t by_memory = n->memory_mib / i->memory_mib;
	return (unsigned)MIN_OF((uint64_t)(n->cpus / MAX_OF(i->cpus, 1u)), by_memory);
}

/* Places for tests of this class on all nodes; at least one. *@ret_least: on the smallest node that has any. */
static uint64_t all_places(const struct divide_request *q, const struct item *i, unsigned *ret_least)
{
	uint64_t sum = 0;
	*ret_least = DIVIDE_PLACES_MAX;
	for (size_t n = 0; n < q->nodes; n++) {
		unsigned places = node_places(&q->node[n], i);
		sum += (uint64_t)places * q->node[n].count;
		if (places)
			*ret_least = MIN_OF(*ret_least, places);
	}
	return MAX_OF(sum, 1u);
}

/* Appends one task with the tests from @at on, until they take @target on its places. Returns the next test. */
static size_t add_task(struct division *d, const struct item *item, size_t at, size_t end, nsec_t target,
		       unsigned width)
{
	struct divide_task *t = &d->task[d->tasks++];
	nsec_t sum = 0;
	*t = (struct divide_task){ .first = at };
	while (at < end && (!t->count || sum + item[at].estimate <= target * width)) {
		sum += item[at].estimate;
		d->order[at] = item[at].test;
		t->count++;
		at++;
	}
	t->places = (unsigned)MIN_OF((size_t)width, t->count);
	t->cpus = t->places * item[t->first].cpus;
	t->memory_mib = t->places * item[t->first].memory_mib;
	t->estimate = MAX_OF(sum / t->places, item[t->first].estimate);
	return at;
}

static nsec_t sum_estimates(const struct item *item, size_t at, size_t end)
{
	nsec_t sum = 0;
	for (; at < end; at++)
		sum += item[at].estimate;
	return sum;
}

/* How tasks are made. */
struct shape {
	double share; /* of the work for each place, in ns: about how long the whole run takes */
	double first; /* of the share, in the first task */
	double floor; /* no task takes less of a place */
	unsigned width;
};

/*
 * One class. Each task is shorter than the one before by the same amount (trapezoid self-scheduling): its length goes
 * with the square root of what is left. With a given number of tasks, the last ones are shorter than if each took the
 * same part of what is left.
 */
static void divide_class(struct division *d, const struct divide_request *q, const struct shape *s,
			 const struct item *item, size_t at, size_t end)
{
	unsigned least;
	all_places(q, &item[at], &least);
	nsec_t work = sum_estimates(item, at, end), left = work;
	while (at < end) {
		double target = s->share * s->first * sqrt((double)left / (double)MAX_OF(work, 1));
		size_t next = add_task(d, item, at, end, (nsec_t)MAX_OF(target, s->floor), MIN_OF(s->width, least));
		left -= sum_estimates(item, at, next);
		at = next;
	}
}

static size_t class_end(const struct item *item, size_t at, size_t count)
{
	size_t end = at;
	while (end < count && same_class(&item[at], &item[end]))
		end++;
	return end;
}

/* The time of all classes, one after another, each on all places that it can have. */
static double find_share(const struct divide_request *q, const struct item *item)
{
	double share = 0;
	unsigned least;
	for (size_t at = 0, end; at < q->count; at = end) {
		end = class_end(item, at, q->count);
		share += (double)sum_estimates(item, at, end) / (double)all_places(q, &item[at], &least);
	}
	return share;
}

static struct item *sort_items(const struct divide_request *q)
{
	struct item *item = calloc(q->count + 1, sizeof(*item));
	for (size_t i = 0; item && i < q->count; i++)
		item[i] = (struct item){ .test = (uint32_t)i,
					 .estimate = q->need[i].estimate,
					 .cpus = MAX_OF(q->need[i].cpus, 1u),
					 .memory_mib = memory_class(q->need[i].memory_mib) };
	if (item)
		qsort(item, q->count, sizeof(*item), compare_items);
	return item;
}

static bool divide_as(struct division *d, const struct divide_request *q, const struct shape *s,
		      const struct item *item)
{
	d->tasks = 0;
	for (size_t at = 0, end; at < q->count; at = end) {
		end = class_end(item, at, q->count);
		divide_class(d, q, s, item, at, end);
	}
	return d->tasks <= q->tasks_most;
}

/* Tasks take time to start: in a short run there are fewer for each place. */
static double first_part(double share)
{
	double tasks = share * START_PART / (double)TASK_START;
	return MIN_OF(MAX_OF(2 / MAX_OF(tasks, 1.0), FIRST_LEAST), FIRST_MOST);
}

/* Longer tasks, then more places a task, then still longer ones, until there are few enough. */
static void divide_all(struct division *d, const struct divide_request *q, const struct item *item)
{
	struct shape s = { .share = find_share(q, item), .width = 1 };
	s.floor = MAX_OF(MIN_OF(s.share / WAVES, (double)TASK_LEAST), 1.0);
	for (; s.width <= DIVIDE_PLACES_MAX; s.width *= 2)
		for (s.first = first_part(s.share); s.first <= FIRST_MOST; s.first *= FIRST_STEP)
			if (divide_as(d, q, &s, item))
				return;
	/* With room for all tests in one task of each class, at the latest. */
	for (s.width = 1; !divide_as(d, q, &s, item) && s.floor < 1e18; s.floor *= FLOOR_STEP)
		s.width = DIVIDE_PLACES_MAX;
}

int divide_tests(const struct divide_request *q, struct division *ret)
{
	_cleanup_free_ struct item *item = sort_items(q);
	struct division d = { .order = calloc(q->count + 1, sizeof(*d.order)),
			      .task = calloc(q->count + 1, sizeof(*d.task)) };
	if (!item || !d.order || !d.task) {
		division_done(&d);
		return -ENOMEM;
	}
	divide_all(&d, q, item);
	qsort(d.task, d.tasks, sizeof(*d.task), compare_tasks);
	*ret = d;
	return 0;
}

void division_done(struct division *d)
{
	free(d->order);
	free(d->task);
	*d = (struct division){ 0 };
}

nsec_t divide_lower_bound(const struct divide_request *q)
{
	nsec_t longest = 0, sum = 0;
	uint64_t cpus = 0;
	for (size_t n = 0; n < q->nodes; n++)
		cpus += (uint64_t)q->node[n].cpus * q->node[n].count;
	for (size_t i = 0; i < q->count; i++) {
		longest = MAX_OF(longest, q->need[i].estimate);
		sum += q->need[i].estimate * (nsec_t)MAX_OF(q->need[i].cpus, 1u);
	}
	return MAX_OF(longest, sum / (nsec_t)MAX_OF(cpus, 1u));
}
