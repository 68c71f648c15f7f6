/* SPDX-License-Identifier: GPL-2.0-only */
/* divide.c -- see divide.h. */
#include <stdlib.h>

#include "slurm/divide.h"

#define TASK_LEAST    (60 * NSEC_PER_SEC) /* a shorter task hardly pays for its start, if there is enough work */
#define MEMORY_STEP   512u		  /* MiB; classes of memory are powers of two of it */
#define WAVES	      20		  /* the last tasks take this part of a node's share of the work */
#define TASKS_A_PLACE 4			  /* tasks that each place should get, so that they even out */

/* Tests that need the same: one class. `item` is sorted by class, then the longest first. */
struct item {
	uint32_t test;
	nsec_t estimate;
	unsigned cpus;
	uint64_t memory_mib; /* of the class */
};

static uint64_t memory_class(uint64_t mib)
{
	uint64_t class = MEMORY_STEP;
	while (class < mib)
		class *= 2;
	return class;
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

/* More places a task where there are more of them than tasks may be made. A power of two, at most @least. */
static unsigned choose_width(uint64_t places, size_t tasks_most, unsigned least)
{
	unsigned width = 1;
	while (2 * width <= least && places * TASKS_A_PLACE > (uint64_t)width * tasks_most)
		width *= 2;
	return width;
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

/* One class. Each task takes half of a place's share of what is left, but not less than the least. */
static void divide_class(struct division *d, const struct divide_request *q, const struct item *item, size_t at,
			 size_t end, size_t tasks_most)
{
	unsigned least;
	uint64_t places = all_places(q, &item[at], &least);
	unsigned width = choose_width(places, tasks_most, least);
	nsec_t left = 0;
	for (size_t i = at; i < end; i++)
		left += item[i].estimate;
	nsec_t share = left / (nsec_t)(places * WAVES), by_count = left / (nsec_t)(width * MAX_OF(tasks_most, 1u));
	nsec_t floor = MAX_OF(MIN_OF(share, TASK_LEAST), by_count);
	while (at < end) {
		nsec_t target = MAX_OF(left / (nsec_t)(2 * places), floor);
		size_t next = add_task(d, item, at, end, target, width);
		for (; at < next; at++)
			left -= item[at].estimate;
	}
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

int divide_tests(const struct divide_request *q, struct division *ret)
{
	_cleanup_free_ struct item *item = sort_items(q);
	struct division d = { .order = calloc(q->count + 1, sizeof(*d.order)),
			      .task = calloc(q->count + 1, sizeof(*d.task)) };
	if (!item || !d.order || !d.task) {
		division_done(&d);
		return -ENOMEM;
	}
	for (size_t at = 0, end; at < q->count; at = end) {
		for (end = at; end < q->count && same_class(&item[at], &item[end]);)
			end++;
		size_t share = MAX_OF(q->tasks_most * (end - at) / q->count, 1u);
		divide_class(&d, q, item, at, end, share);
	}
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
