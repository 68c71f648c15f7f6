/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * slurm.c -- a simulated Slurm cluster with faults, and the follower of src/slurm on it. Each seed is a run with
 * faults of all kinds, in which nothing may be lost and nothing may be reported twice.
 *
 *   sim_slurm FIRST-SEED LAST-SEED
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/rng.h"
#include "slurm/follow.h"

#define POLL	     5	    /* seconds between two questions */
#define PURGE	     40	    /* seconds for which Slurm remembers a job that ended */
#define LATE	     9	    /* seconds until a file of a node is visible; the follower's grace is longer */
#define FAULTS_UNTIL 3000   /* seconds; later there are none, so that every run ends */
#define END	     200000 /* seconds; no run takes so long */
#define ATTEMPTS     16
#define NODES	     8

struct sim_attempt {
	bool *has;	  /* of each test of the task: it has a result ... */
	unsigned *since;  /* ... which is visible from then on */
	bool ended, says; /* says: it wrote its last file */
	enum follow_attempt_state state;
	unsigned said;	    /* when that became visible */
	unsigned at, until; /* the test that runs, and its end */
	bool zombie;	    /* Slurm thinks that it died, and it runs on */
};

struct sim_task {
	uint32_t *cases, count;
	enum slurm_state state;
	unsigned ended, node;
	struct sim_attempt attempt[ATTEMPTS];
	unsigned attempts;
};

struct sim_test {
	unsigned length;
	unsigned losses, returned, starts; /* losses: attempts that ended without its result */
	unsigned reported;		   /* by the present follower */
};

struct sim {
	struct rng rng;
	struct sim_test *test;
	size_t tests;
	struct sim_task *task;
	size_t tasks, room;
	struct follow follow;
	unsigned now, silent_until, faults;
	bool down[NODES];
	unsigned down_until[NODES];
	uint32_t busy[NODES]; /* task + 1 */
	unsigned counted[FOLLOW_GIVEN_UP + 1];
	bool failed;
};

static bool chance(struct sim *s, unsigned one_in)
{
	return rng_next(&s->rng) % one_in == 0;
}

static unsigned pick(struct sim *s, unsigned most)
{
	return (unsigned)(rng_next(&s->rng) % most);
}

static void fail(struct sim *s, const char *what, unsigned number)
{
	fprintf(stderr, "at %u s: %s (%u)\n", s->now, what, number);
	s->failed = true;
}

static void on_event(void *data, const struct follow_event *e)
{
	struct sim *s = data;
	s->counted[e->kind] += e->count;
}

static void add_task(struct sim *s, const uint32_t *cases, uint32_t count)
{
	if (s->tasks == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->task = reallocarray(s->task, s->room, sizeof(*s->task));
	}
	struct sim_task *t = &s->task[s->tasks++];
	memset(t, 0, sizeof(*t));
	t->cases = calloc(count, sizeof(*t->cases));
	t->count = count;
	memcpy(t->cases, cases, count * sizeof(*cases));
	follow_add_task(&s->follow, cases, count, /* held= */ false);
}

/* --- the nodes ---------------------------------------------------------------------------------------------------- */

static bool has_result(const struct sim_task *t, unsigned i)
{
	for (unsigned a = 0; a < t->attempts; a++)
		if (t->attempt[a].has[i])
			return true;
	return false;
}

static unsigned died(const struct sim_task *t)
{
	unsigned n = 0;
	for (unsigned a = 0; a < t->attempts; a++)
		n += !t->attempt[a].says;
	return n;
}

/* The next test without a result. */
static void next_test(struct sim *s, struct sim_task *t, struct sim_attempt *a)
{
	while (a->at < t->count && has_result(t, a->at))
		a->at++;
	if (a->at == t->count)
		return;
	struct sim_test *test = &s->test[t->cases[a->at]];
	a->until = s->now + test->length;
	test->starts++;
	if (test->starts > 1 + test->losses + test->returned)
		fail(s, "a test runs again without a reason", t->cases[a->at]);
}

static void count_losses(struct sim *s, struct sim_task *t, bool returned)
{
	for (unsigned i = 0; i < t->count; i++) {
		struct sim_test *test = &s->test[t->cases[i]];
		if (has_result(t, i))
			continue;
		test->losses += !returned;
		test->returned += returned;
	}
}

static void end_attempt(struct sim *s, struct sim_task *t, bool says, enum follow_attempt_state state)
{
	struct sim_attempt *a = &t->attempt[t->attempts - 1];
	a->ended = true;
	a->says = says;
	a->state = says ? state : FOLLOW_ATTEMPT_OPEN;
	a->said = s->now + pick(s, LATE);
	count_losses(s, t, says && state == FOLLOW_ATTEMPT_GIVEN_BACK);
}

static void end_task(struct sim *s, struct sim_task *t, enum slurm_state state)
{
	s->busy[t->node] = 0;
	t->state = state;
	t->ended = s->now;
}

static void start_task(struct sim *s, uint32_t number, unsigned node)
{
	struct sim_task *t = &s->task[number];
	bool refuses = died(t) >= FOLLOW_LOSSES_MAX;
	if (t->attempts == ATTEMPTS)
		return;
	struct sim_attempt *a = &t->attempt[t->attempts++];
	a->has = calloc(t->count, sizeof(*a->has));
	a->since = calloc(t->count, sizeof(*a->since));
	t->state = SLURM_RUNNING;
	t->node = node;
	s->busy[node] = number + 1;
	if (!refuses) {
		next_test(s, t, a);
		return;
	}
	end_attempt(s, t, true, FOLLOW_ATTEMPT_COMPLETE);
	end_task(s, t, SLURM_COMPLETED);
}

/* A node without space on its disk loses every third result. */
static void run_attempt(struct sim *s, struct sim_task *t, struct sim_attempt *a, bool zombie)
{
	while (a->at < t->count && s->now >= a->until) {
		bool stored = s->now > FAULTS_UNTIL || !chance(s, t->node == 3 ? 3 : 200);
		a->has[a->at] = stored;
		a->since[a->at] = s->now + pick(s, LATE);
		a->at++;
		if (zombie && a->at < t->count) {
			a->until = s->now + s->test[t->cases[a->at]].length;
			continue;
		}
		if (!zombie)
			next_test(s, t, a);
	}
	if (a->at < t->count || zombie)
		return;
	end_attempt(s, t, true, FOLLOW_ATTEMPT_COMPLETE);
	end_task(s, t, SLURM_COMPLETED);
}

/* --- faults ------------------------------------------------------------------------------------------------------- */

static void requeue(struct sim *s, struct sim_task *t)
{
	s->busy[t->node] = 0;
	t->state = SLURM_PENDING;
}

static void lose_node(struct sim *s, unsigned node)
{
	struct sim_task *t = s->busy[node] ? &s->task[s->busy[node] - 1] : NULL;
	s->down[node] = true;
	s->down_until[node] = s->now + 60 + pick(s, 300);
	if (!t)
		return;
	end_attempt(s, t, false, FOLLOW_ATTEMPT_OPEN);
	t->attempt[t->attempts - 1].zombie = chance(s, 2);
	if (chance(s, 2))
		requeue(s, t);
	else
		end_task(s, t, SLURM_NODE_FAIL);
}

static void kill_task(struct sim *s, struct sim_task *t)
{
	static const enum slurm_state states[] = { SLURM_TIMEOUT, SLURM_OUT_OF_MEMORY, SLURM_FAILED };
	end_attempt(s, t, false, FOLLOW_ATTEMPT_OPEN);
	end_task(s, t, states[pick(s, 3)]);
}

static void preempt(struct sim *s, struct sim_task *t)
{
	end_attempt(s, t, chance(s, 2), FOLLOW_ATTEMPT_GIVEN_BACK);
	if (chance(s, 2))
		requeue(s, t);
	else
		end_task(s, t, SLURM_PREEMPTED);
}

static void make_faults(struct sim *s)
{
	for (unsigned n = 0; n < NODES; n++) {
		struct sim_task *t = s->busy[n] ? &s->task[s->busy[n] - 1] : NULL;
		if (s->now > FAULTS_UNTIL || !chance(s, 200))
			continue;
		s->faults++;
		unsigned kind = pick(s, 3);
		if (kind == 0)
			lose_node(s, n);
		else if (t && kind == 1)
			kill_task(s, t);
		else if (t)
			preempt(s, t);
	}
	/* The controller restarts. */
	if (s->now < FAULTS_UNTIL && chance(s, 400))
		s->silent_until = s->now + pick(s, 200);
}

static void run_cluster(struct sim *s)
{
	for (size_t i = 0; i < s->tasks; i++) {
		struct sim_task *t = &s->task[i];
		for (unsigned a = 0; a < t->attempts; a++)
			if (t->attempt[a].zombie)
				run_attempt(s, t, &t->attempt[a], true);
		if (t->state == SLURM_RUNNING)
			run_attempt(s, t, &t->attempt[t->attempts - 1], false);
	}
	make_faults(s);
	uint32_t next = 0;
	for (unsigned n = 0; n < NODES; n++) {
		if (s->down[n] && s->now >= s->down_until[n])
			s->down[n] = false;
		if (s->busy[n] || s->down[n])
			continue;
		while (next < s->tasks && s->task[next].state != SLURM_PENDING)
			next++;
		if (next < s->tasks)
			start_task(s, next, n);
	}
}

/* --- the follower's view ------------------------------------------------------------------------------------------ */

static void show_rows(struct sim *s)
{
	follow_rows_begin(&s->follow);
	for (uint32_t i = 0; i < s->tasks; i++) {
		const struct sim_task *t = &s->task[i];
		char node[8];
		snprintf(node, sizeof(node), "n%u", t->node);
		if (!slurm_state_ended(t->state) || s->now - t->ended < PURGE)
			follow_row(&s->follow, i, t->state, t->attempts ? node : "");
	}
}

static void show_attempt(struct sim *s, uint32_t task, unsigned attempt)
{
	const struct sim_task *t = &s->task[task];
	const struct sim_attempt *a = &t->attempt[attempt];
	for (unsigned i = 0; i < t->count; i++) {
		if (!a->has[i] || s->now < a->since[i])
			continue;
		if (follow_result(&s->follow, task, attempt, t->cases[i]) == FOLLOW_NEW)
			s->test[t->cases[i]].reported++;
	}
	bool said = a->says && s->now >= a->said;
	for (unsigned i = 0; said && i < t->count; i++)
		said = !a->has[i] || s->now >= a->since[i];
	follow_attempt(&s->follow, task, attempt, said ? a->state : FOLLOW_ATTEMPT_OPEN);
}

static void show_files(struct sim *s)
{
	for (uint32_t i = 0; i < s->tasks; i++)
		for (unsigned a = 0; follow_wants_files(&s->follow, i) && a < s->task[i].attempts; a++)
			show_attempt(s, i, a);
}

static void submit_again(struct sim *s)
{
	size_t count = s->follow.again;
	uint32_t *again = calloc(count + 1, sizeof(*again));
	follow_take_again(&s->follow, again);
	for (size_t at = 0; at < count; at += 4)
		add_task(s, again + at, (uint32_t)MIN_OF(count - at, (size_t)4));
	free(again);
}

/* The host that follows was restarted: all that the new follower knows is what files and Slurm say. */
static void restart_follower(struct sim *s)
{
	follow_done(&s->follow);
	follow_init(&s->follow, s->tests, on_event, s);
	for (size_t i = 0; i < s->tests; i++)
		s->test[i].reported = 0;
	for (size_t i = 0; i < s->tasks; i++)
		follow_add_task(&s->follow, s->task[i].cases, s->task[i].count, /* held= */ false);
	/* The files of all tasks are read once, also of those that Slurm has forgotten. */
	show_files(s);
}

static void poll_all(struct sim *s)
{
	bool answer = s->now >= s->silent_until;
	if (answer)
		show_rows(s);
	show_files(s);
	if (answer)
		follow_rows_end(&s->follow);
	follow_step(&s->follow);
	submit_again(s);
}

/* --- one run ------------------------------------------------------------------------------------------------------ */

static void check_end(struct sim *s)
{
	if (!follow_is_over(&s->follow))
		fail(s, "the run does not end", (unsigned)s->follow.open);
	for (uint32_t i = 0; i < s->tests; i++) {
		const struct follow_case *c = &s->follow.item[i];
		const struct sim_test *t = &s->test[i];
		if (!c->settled || t->reported + c->given_up != 1)
			fail(s, "a test is not settled exactly once", i);
		if (c->given_up && t->losses < FOLLOW_LOSSES_MAX && c->tasks < FOLLOW_TASKS_MAX)
			fail(s, "a test was given up too early", i);
	}
}

static void sim_free(struct sim *s)
{
	for (size_t i = 0; i < s->tasks; i++) {
		for (unsigned a = 0; a < s->task[i].attempts; a++) {
			free(s->task[i].attempt[a].has);
			free(s->task[i].attempt[a].since);
		}
		free(s->task[i].cases);
	}
	free(s->task);
	free(s->test);
	follow_done(&s->follow);
}

static bool run_seed(uint64_t seed, unsigned *sums)
{
	struct sim s = { .rng = { .state = seed * 0x9e3779b97f4a7c15u }, .tests = 200 + seed % 7 * 300 };
	s.test = calloc(s.tests, sizeof(*s.test));
	follow_init(&s.follow, s.tests, on_event, &s);
	uint32_t list[8];
	for (uint32_t i = 0; i < s.tests;) {
		uint32_t n = 0;
		for (uint32_t most = 1 + pick(&s, 8); n < most && i < s.tests; i++) {
			s.test[i].length = 1 + pick(&s, 30);
			list[n++] = i;
		}
		add_task(&s, list, n);
	}
	for (; s.now < END && !follow_is_over(&s.follow) && !s.failed; s.now++) {
		run_cluster(&s);
		if (s.now % POLL == 0)
			poll_all(&s);
		if (s.now % 997 == 996 && chance(&s, 3))
			restart_follower(&s);
	}
	check_end(&s);
	sums[0] += s.faults;
	sums[1] += (unsigned)s.follow.given_up;
	sums[2] += (unsigned)s.follow.duplicates;
	sums[3] += (unsigned)s.tests;
	for (unsigned i = 0; i <= FOLLOW_GIVEN_UP; i++)
		sums[4 + i] += s.counted[i];
	if (s.failed)
		fprintf(stderr, "seed %lu failed\n", seed);
	bool ok = !s.failed;
	sim_free(&s);
	return ok;
}

static int run_follow(uint64_t first, uint64_t last)
{
	unsigned sums[4 + FOLLOW_GIVEN_UP + 1] = { 0 };
	bool ok = true;
	for (uint64_t seed = first; seed <= last; seed++)
		ok &= run_seed(seed, sums);
	printf("%u tests in %lu runs with %u faults: %u given up, %u results came twice; restarted %u, lost %u, "
	       "returned "
	       "%u\n",
	       sums[3], last - first + 1, sums[0], sums[1], sums[2], sums[4 + FOLLOW_RESTARTED], sums[4 + FOLLOW_LOST],
	       sums[4 + FOLLOW_RETURNED]);
	/* A simulation in which nothing happens shows nothing. */
	return ok && sums[1] && sums[2] && sums[4 + FOLLOW_RESTARTED] && sums[4 + FOLLOW_LOST] &&
			       sums[4 + FOLLOW_RETURNED]
		       ? 0
		       : 1;
}

int main(int argc, char **argv)
{
	uint64_t first, last;
	if (argc == 3 && parse_u64(argv[1], &first) == 0 && parse_u64(argv[2], &last) == 0)
		return run_follow(first, last);
	fprintf(stderr, "usage: sim_slurm FIRST-SEED LAST-SEED\n");
	return 64;
}
