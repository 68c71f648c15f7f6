/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slurm_makespan.c -- 20,000 tests on simulated clusters of 4, 64 and 1,000 nodes of different sizes: when the follower
 * of slurm/follow.h has all results of the division of slurm/divide.h, against a bound that knows the true lengths.
 * Estimates are wrong by up to 20 %, each task needs a second to start, and Slurm gives tasks to nodes in the order of
 * their submission. The follower asks every five seconds, or less often while many tasks are open (bench/slurm.py).
 *
 *   sim_slurm_makespan [SEEDS]     fails if an end is more than 10 % after the bound
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/rng.h"
#include "slurm/divide.h"
#include "slurm/follow.h"
#include "slurm/runner.h"

#define TESTS	   20000
#define TASKS_MOST 7500
#define START	   1.0 /* seconds of each task before its first test */
#define ALLOWED	   1.10
#define LOOK_COST  (10.5e-6) /* seconds of CPU time for each open task: bench/slurm.py, 10,000 of them, 0.105 s */

struct node {
	unsigned cpus;
	uint64_t memory_mib;
};

/* A task that runs, in a heap by its end. */
struct running {
	double end;
	uint32_t task, node;
};

/* One run: a division, and when it really happens. */
struct course {
	struct division division;
	double *actual; /* seconds of each test */
	double *stored; /* when the result of each test is stored */
	double *began;	/* when each task starts */
	struct follow follow;
};

struct machines {
	struct node *node;
	struct slurm_node *group;
	unsigned nodes;
	struct running *heap;
	size_t heap_count;
	double now;
};

static double uniform(struct rng *rng)
{
	return (double)(rng_next(rng) >> 11) / (double)(1ull << 53);
}

/* --- heap --------------------------------------------------------------------------------------------------------- */

static void swap(struct running *a, struct running *b)
{
	struct running t = *a;
	*a = *b;
	*b = t;
}

static void heap_push(struct machines *c, struct running r)
{
	size_t i = c->heap_count++;
	c->heap[i] = r;
	for (; i && c->heap[(i - 1) / 2].end > c->heap[i].end; i = (i - 1) / 2)
		swap(&c->heap[i], &c->heap[(i - 1) / 2]);
}

static struct running heap_pop(struct machines *c)
{
	struct running first = c->heap[0];
	c->heap[0] = c->heap[--c->heap_count];
	for (size_t i = 0, k; (k = 2 * i + 1) < c->heap_count; i = k) {
		k += k + 1 < c->heap_count && c->heap[k + 1].end < c->heap[k].end;
		if (c->heap[i].end <= c->heap[k].end)
			break;
		swap(&c->heap[i], &c->heap[k]);
	}
	return first;
}

/* --- one cluster -------------------------------------------------------------------------------------------------- */

static void make_nodes(struct machines *c, struct rng *rng)
{
	static const unsigned sizes[] = { 8, 16, 16, 32, 64 };
	c->node = calloc(c->nodes, sizeof(*c->node));
	c->group = calloc(c->nodes, sizeof(*c->group));
	c->heap = calloc(TESTS + 1, sizeof(*c->heap));
	for (unsigned i = 0; i < c->nodes; i++) {
		unsigned cpus = sizes[rng_next(rng) % (sizeof(sizes) / sizeof(*sizes))];
		c->node[i] = (struct node){ cpus, (uint64_t)cpus * 2048 };
		c->group[i] = (struct slurm_node){ .cpus = cpus, .count = 1, .memory_mib = c->node[i].memory_mib };
	}
}

/* Most tests take seconds, some minutes; some need more memory. */
static void make_tests(struct divide_need *need, double *actual, struct rng *rng)
{
	for (size_t i = 0; i < TESTS; i++) {
		double seconds = 3 + fmin(20 * -log(1 - uniform(rng)), 120);
		seconds = uniform(rng) < 0.01 ? 60 + 60 * uniform(rng) : seconds;
		actual[i] = seconds * (0.8 + 0.4 * uniform(rng));
		need[i] = (struct divide_need){ .estimate = (nsec_t)(seconds * 1e9), .cpus = 1 };
		need[i].memory_mib = uniform(rng) < 0.05 ? 3000 : uniform(rng) < 0.2 ? 1000 : 500;
	}
}

/* Each place of a task takes the next test, the longest estimate first. Returns the time of the task. */
static double run_task(struct course *c, size_t number, double now)
{
	const struct divide_task *t = &c->division.task[number];
	double place[DIVIDE_PLACES_MAX] = { 0 }, end = 0;
	c->began[number] = now;
	for (size_t i = 0; i < t->count; i++) {
		uint32_t test = c->division.order[t->first + i];
		unsigned best = 0;
		for (unsigned p = 1; p < t->places; p++)
			best = place[p] < place[best] ? p : best;
		place[best] += c->actual[test];
		c->stored[test] = now + START + place[best];
		end = fmax(end, place[best]);
	}
	return START + end;
}

static bool fits(const struct node *n, const struct divide_task *t)
{
	return n->cpus >= t->cpus && n->memory_mib >= t->memory_mib;
}

/* Starts the tasks that fit on this node, in their order. *@first: no task before it waits. */
static void fill_node(struct machines *c, uint32_t node, struct course *course, bool *started, size_t *first)
{
	struct node *n = &c->node[node];
	const struct division *d = &course->division;
	while (*first < d->tasks && started[*first])
		++*first;
	for (size_t i = *first; i < d->tasks && n->cpus; i++) {
		const struct divide_task *t = &d->task[i];
		if (started[i] || !fits(n, t))
			continue;
		started[i] = true;
		n->cpus -= t->cpus;
		n->memory_mib -= t->memory_mib;
		heap_push(c, (struct running){ c->now + run_task(course, i, c->now), (uint32_t)i, node });
	}
}

static bool run_all(struct machines *c, struct course *course)
{
	const struct division *d = &course->division;
	bool *started = calloc(d->tasks + 1, sizeof(*started));
	size_t first = 0;
	for (uint32_t n = 0; n < c->nodes; n++)
		fill_node(c, n, course, started, &first);
	while (c->heap_count) {
		struct running r = heap_pop(c);
		const struct divide_task *t = &d->task[r.task];
		c->now = r.end;
		c->node[r.node].cpus += t->cpus;
		c->node[r.node].memory_mib += t->memory_mib;
		fill_node(c, r.node, course, started, &first);
	}
	while (first < d->tasks && started[first])
		first++;
	free(started);
	return first == d->tasks;
}

/* --- the follower ------------------------------------------------------------------------------------------------- */

/* What squeue and the files of one task say at @now. Returns whether the task is open. */
static bool look_at_task(struct course *c, uint32_t number, double now)
{
	const struct divide_task *t = &c->division.task[number];
	size_t stored = 0;
	if (c->follow.task[number].settled)
		return false;
	for (size_t i = 0; i < t->count; i++) {
		uint32_t test = c->division.order[t->first + i];
		if (c->stored[test] > now)
			continue;
		stored++;
		follow_result(&c->follow, number, 0, test);
	}
	if (c->began[number] <= now)
		follow_attempt(&c->follow, number, 0,
			       stored == t->count ? FOLLOW_ATTEMPT_COMPLETE : FOLLOW_ATTEMPT_OPEN);
	follow_row(&c->follow, number,
		   stored == t->count	     ? SLURM_COMPLETED
		   : c->began[number] <= now ? SLURM_RUNNING
					     : SLURM_PENDING,
		   "");
	return true;
}

/* When the follower has all results. */
static double follow_all(struct course *c)
{
	double now = 0;
	follow_init(&c->follow, TESTS, NULL, NULL);
	for (size_t i = 0; i < c->division.tasks; i++)
		follow_add_task(&c->follow, &c->division.order[c->division.task[i].first],
				(uint32_t)c->division.task[i].count, /* held= */ false);
	while (!follow_is_over(&c->follow)) {
		size_t open = 0;
		follow_rows_begin(&c->follow);
		for (uint32_t i = 0; i < c->division.tasks; i++)
			open += look_at_task(c, i, now);
		follow_rows_end(&c->follow);
		follow_step(&c->follow);
		if (!follow_is_over(&c->follow))
			now += fmax((double)RUNNER_INTERVAL / NSEC_PER_SEC,
				    (double)open * LOOK_COST * RUNNER_COST_PART);
	}
	bool ok = !c->follow.lost && !c->follow.duplicates && !c->follow.given_up;
	follow_done(&c->follow);
	return ok ? now : INFINITY;
}

/* The longest test; all of them on all CPUs; the memory that they need, in all of the memory. */
static double lower_bound(const struct machines *c, const struct divide_need *need, const double *actual)
{
	double longest = 0, sum = 0, memory_sum = 0, cpus = 0, memory = 0;
	for (size_t i = 0; i < TESTS; i++) {
		longest = fmax(longest, actual[i]);
		sum += actual[i];
		memory_sum += actual[i] * (double)need[i].memory_mib;
	}
	for (unsigned n = 0; n < c->nodes; n++) {
		cpus += c->group[n].cpus;
		memory += (double)c->group[n].memory_mib;
	}
	return fmax(longest, fmax(sum / cpus, memory_sum / memory));
}

static void course_done(struct course *c)
{
	division_done(&c->division);
	free(c->actual);
	free(c->stored);
	free(c->began);
}

static bool run_cluster(unsigned nodes, uint64_t seed)
{
	struct rng rng = { .state = seed };
	struct machines c = { .nodes = nodes };
	struct course course = { .actual = calloc(TESTS, sizeof(double)),
				 .stored = calloc(TESTS, sizeof(double)),
				 .began = calloc(TESTS, sizeof(double)) };
	struct divide_need *need = calloc(TESTS, sizeof(*need));
	make_nodes(&c, &rng);
	make_tests(need, course.actual, &rng);
	struct divide_request q = {
		.need = need, .count = TESTS, .node = c.group, .nodes = nodes, .tasks_most = TASKS_MOST
	};
	bool ok = divide_tests(&q, &course.division) == 0 && course.division.tasks <= TASKS_MOST;
	double bound = lower_bound(&c, need, course.actual);
	ok = ok && run_all(&c, &course);
	double end = ok ? follow_all(&course) : INFINITY;
	printf("%5u nodes: %zu tasks, last result after %.1f s, known after %.1f s, lower bound %.1f s: %+.1f %%\n",
	       nodes, course.division.tasks, c.now, end, bound, 100 * (end / bound - 1));
	ok = ok && end <= ALLOWED * bound;
	course_done(&course);
	free(need);
	free(c.node);
	free(c.group);
	free(c.heap);
	return ok;
}

int main(int argc, char **argv)
{
	static const unsigned nodes[] = { 4, 64, 1000 };
	uint32_t seeds = 20;
	bool ok = argc < 2 || parse_u32_range(argv[1], 1, 1000, &seeds) == 0;
	for (uint32_t seed = 1; seed <= seeds; seed++)
		for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
			ok &= run_cluster(nodes[i], seed * 1000003u);
	return ok ? 0 : 1;
}
