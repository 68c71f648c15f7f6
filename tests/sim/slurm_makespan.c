/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slurm_makespan.c -- 20,000 tests on simulated clusters of 4, 64 and 1,000 nodes of different sizes: how long the
 * division of slurm/divide.h takes, against a lower bound that knows the true lengths. Estimates are wrong by up to
 * 20 %, each task needs a second to start, and Slurm gives tasks to nodes in the order of their submission.
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

#define TESTS	   20000
#define TASKS_MOST 7500
#define START	   1.0 /* seconds of each task before its first test */
#define ALLOWED	   1.10

struct node {
	unsigned cpus;
	uint64_t memory_mib;
};

/* A task that runs, in a heap by its end. */
struct running {
	double end;
	uint32_t task, node;
};

struct cluster {
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

static void heap_push(struct cluster *c, struct running r)
{
	size_t i = c->heap_count++;
	c->heap[i] = r;
	for (; i && c->heap[(i - 1) / 2].end > c->heap[i].end; i = (i - 1) / 2)
		swap(&c->heap[i], &c->heap[(i - 1) / 2]);
}

static struct running heap_pop(struct cluster *c)
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

static void make_nodes(struct cluster *c, struct rng *rng)
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

/* The time of a task: each place takes the next test, the longest estimate first. */
static double run_time(const struct divide_task *t, const struct division *d, const double *actual)
{
	double place[DIVIDE_PLACES_MAX] = { 0 }, end = 0;
	for (size_t i = 0; i < t->count; i++) {
		unsigned best = 0;
		for (unsigned p = 1; p < t->places; p++)
			best = place[p] < place[best] ? p : best;
		place[best] += actual[d->order[t->first + i]];
	}
	for (unsigned p = 0; p < t->places; p++)
		end = fmax(end, place[p]);
	return START + end;
}

static bool fits(const struct node *n, const struct divide_task *t)
{
	return n->cpus >= t->cpus && n->memory_mib >= t->memory_mib;
}

/* Starts the tasks that fit on this node, in their order. *@first: no task before it waits. */
static void fill_node(struct cluster *c, uint32_t node, const struct division *d, bool *started, size_t *first,
		      const double *actual)
{
	struct node *n = &c->node[node];
	while (*first < d->tasks && started[*first])
		++*first;
	for (size_t i = *first; i < d->tasks && n->cpus; i++) {
		const struct divide_task *t = &d->task[i];
		if (started[i] || !fits(n, t))
			continue;
		started[i] = true;
		n->cpus -= t->cpus;
		n->memory_mib -= t->memory_mib;
		heap_push(c, (struct running){ c->now + run_time(t, d, actual), (uint32_t)i, node });
	}
}

static double run_all(struct cluster *c, const struct division *d, const double *actual)
{
	bool *started = calloc(d->tasks + 1, sizeof(*started));
	size_t first = 0;
	for (uint32_t n = 0; n < c->nodes; n++)
		fill_node(c, n, d, started, &first, actual);
	while (c->heap_count) {
		struct running r = heap_pop(c);
		const struct divide_task *t = &d->task[r.task];
		c->now = r.end;
		c->node[r.node].cpus += t->cpus;
		c->node[r.node].memory_mib += t->memory_mib;
		fill_node(c, r.node, d, started, &first, actual);
	}
	while (first < d->tasks && started[first])
		first++;
	free(started);
	return first == d->tasks ? c->now : INFINITY;
}

/* The longest test; all of them on all CPUs; the memory that they need, in all of the memory. */
static double lower_bound(const struct cluster *c, const struct divide_need *need, const double *actual)
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

static bool run_cluster(unsigned nodes, uint64_t seed)
{
	struct rng rng = { .state = seed };
	struct cluster c = { .nodes = nodes };
	struct division d;
	struct divide_need *need = calloc(TESTS, sizeof(*need));
	double *actual = calloc(TESTS, sizeof(*actual));
	make_nodes(&c, &rng);
	make_tests(need, actual, &rng);
	struct divide_request q = {
		.need = need, .count = TESTS, .node = c.group, .nodes = nodes, .tasks_most = TASKS_MOST
	};
	bool ok = divide_tests(&q, &d) == 0;
	double bound = lower_bound(&c, need, actual), end = ok ? run_all(&c, &d, actual) : INFINITY;
	printf("%5u nodes: %zu tasks, %.1f s, lower bound %.1f s: %+.1f %%\n", nodes, d.tasks, end, bound,
	       100 * (end / bound - 1));
	ok = ok && end <= ALLOWED * bound && d.tasks <= TASKS_MOST;
	division_done(&d);
	free(need);
	free(actual);
	free(c.node);
	free(c.group);
	free(c.heap);
	return ok;
}

int main(int argc, char **argv)
{
	static const unsigned nodes[] = { 4, 64, 1000 };
	uint32_t seeds = 3;
	bool ok = argc < 2 || parse_u32_range(argv[1], 1, 1000, &seeds) == 0;
	for (uint32_t seed = 1; seed <= seeds; seed++)
		for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
			ok &= run_cluster(nodes[i], seed * 1000003u);
	return ok ? 0 : 1;
}
