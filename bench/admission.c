/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * admission.c -- a simulated host of 64 CPUs and 4 LLCs, 500 attempts that arrive at once, real plans for each: the
 * time until the last has ended, in the product's order, first come first served, and with retries after a back-off.
 *
 * The lower bound for any order is all CPU time divided by the CPUs, or the longest attempt.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "hosttree.h"
#include "lock/queue.h"
#include "plan_cases.h"

#define HOSTS	 TESTS_DIR "/hosts"
#define ATTEMPTS 500
#define SLOTS	 64 /* attempts that a retrying runner keeps going at once */

struct job {
	struct queue_entry entry;
	struct cpu_request request;
	struct cpu_plan plan;
	nsec_t length;
	nsec_t at; /* running: its end; retrying: its next try */
	bool running, done;
	unsigned tries;
};

struct sim {
	struct host host;
	struct plan_holders holders;
	struct job job[ATTEMPTS];
	unsigned left;
	nsec_t now, longest_wait;
	struct rng rng;
	uint64_t tries;
};

/* --- the mix ------------------------------------------------------------------------------------------------------ */

/* Two of five from the gauntlet's shapes that fit 64 CPUs, the others small; 8 to 20 s, one of ten up to a minute. */
static void draw_job(struct job *j, struct rng *rng)
{
	static const struct ktstr_topology small[] = {
		{ 1, 1, 1, 1 }, { 1, 1, 2, 1 }, { 1, 1, 4, 1 }, { 1, 2, 2, 1 }, { 1, 2, 2, 2 },
	};
	const struct ktstr_topology *t = &small[rng_below(rng, ARRAY_SIZE(small))];
	while (rng_below(rng, 5) < 2) {
		t = &plan_presets[rng_below(rng, plan_preset_count)];
		if (t->llcs * t->cores * t->threads <= 64)
			break;
		t = &small[0];
	}
	*j = (struct job){ .request = { PLAN_DEFAULT, *t } };
	j->entry.cpus = t->llcs * t->cores * t->threads;
	j->length = (8000 + (nsec_t)rng_below(rng, 12000)) * NSEC_PER_MSEC;
	if (rng_below(rng, 10) == 0)
		j->length += (nsec_t)rng_below(rng, 40000) * NSEC_PER_MSEC;
}

static double lower_bound(const struct sim *s)
{
	double work = 0, longest = 0;
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		double length = (double)s->job[i].length / NSEC_PER_SEC;
		work += length * s->job[i].entry.cpus;
		longest = MAX_OF(longest, length);
	}
	return MAX_OF(work / 64, longest);
}

/* --- the host ----------------------------------------------------------------------------------------------------- */

static void hold(struct sim *s, const struct cpu_plan *p, bool on)
{
	if (on)
		set_unite(&s->holders.cpus, &p->cpu_locks);
	else
		s->holders.cpus = set_without(&s->holders.cpus, &p->cpu_locks);
	set_for_each(llc, &p->llcs)
		s->holders.llc_shared[llc] = (uint16_t)(s->holders.llc_shared[llc] + (on ? 1 : -1));
}

static bool start(struct sim *s, struct job *j)
{
	s->tries++;
	if (cpu_plan_make(&s->host, &s->host.online, &s->holders, &j->request, &j->plan, NULL) < 0)
		return false;
	hold(s, &j->plan, true);
	j->running = true;
	j->at = s->now + j->length;
	s->longest_wait = MAX_OF(s->longest_wait, s->now);
	return true;
}

/* Advances to the next end, or the next retry; ends what is due. */
static void advance(struct sim *s, bool retries)
{
	nsec_t next = NSEC_NEVER;
	for (unsigned i = 0; i < ATTEMPTS; i++)
		if (!s->job[i].done && (s->job[i].running || (retries && s->job[i].at > s->now)))
			next = MIN_OF(next, s->job[i].at);
	REQUIRE(next != NSEC_NEVER);
	s->now = next;
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		struct job *j = &s->job[i];
		if (!j->running || j->at > s->now)
			continue;
		hold(s, &j->plan, false);
		j->running = false;
		j->done = true;
		s->left--;
	}
}

/* --- three ways --------------------------------------------------------------------------------------------------- */

static bool fits(void *data, struct queue_entry *e)
{
	return start(data, container_of(e, struct job, entry));
}

static void ours(struct sim *s)
{
	struct queue q;
	queue_init(&q, QUEUE_OVERTAKES_MAX);
	for (unsigned i = 0; i < ATTEMPTS; i++)
		queue_add(&q, &s->job[i].entry);
	while (s->left) {
		while (queue_pick(&q, NULL, fits, s))
			;
		advance(s, false);
	}
}

static void first_come(struct sim *s)
{
	for (unsigned head = 0; s->left; advance(s, false))
		while (head < ATTEMPTS && start(s, &s->job[head]))
			head++;
}

/* A runner with 64 threads: a thread that finds no CPUs sleeps one to three seconds and tries again. */
static void retry(struct sim *s)
{
	while (s->left) {
		unsigned open = 0;
		for (unsigned i = 0; i < ATTEMPTS && open < SLOTS; i++) {
			struct job *j = &s->job[i];
			if (j->done)
				continue;
			open++;
			if (j->running || j->at > s->now || start(s, j))
				continue;
			j->at = s->now + (1000 + (nsec_t)rng_below(&s->rng, 2000)) * NSEC_PER_MSEC;
		}
		advance(s, true);
	}
}

static void run(const char *name, void (*way)(struct sim *s), const struct sim *from)
{
	struct sim *s = malloc(sizeof(*s));
	REQUIRE(s);
	memcpy(s, from, sizeof(*s));
	way(s);
	double bound = lower_bound(s), makespan = (double)s->now / NSEC_PER_SEC;
	printf("%-24s %7.1f s, %5.1f %% over the lower bound; last one started at %6.1f s; %6lu tries\n", name,
	       makespan, (makespan / bound - 1) * 100, (double)s->longest_wait / NSEC_PER_SEC, s->tries);
	free(s);
}

int main(int argc, char **argv)
{
	struct sim *s = calloc(1, sizeof(*s));
	struct cpuset_bits allowed;
	uint64_t seeds = 5;
	REQUIRE(s && (argc < 2 || parse_u64(argv[1], &seeds) == 0));
	host_tree_read(HOSTS, "container", &s->host, &allowed);
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		s->rng.state = seed;
		for (unsigned i = 0; i < ATTEMPTS; i++)
			draw_job(&s->job[i], &s->rng);
		s->left = ATTEMPTS;
		printf("seed %lu: %d attempts, %u CPUs; lower bound %.1f s\n", seed, ATTEMPTS, s->host.cpus,
		       lower_bound(s));
		run("  ktstr's queue", ours, s);
		run("  first come, first served", first_come, s);
		run("  retry with back-off", retry, s);
	}
	host_done(&s->host);
	free(s);
	return 0;
}
