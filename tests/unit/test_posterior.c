/* SPDX-License-Identifier: GPL-2.0-only */
/* Bisections of simulated histories: what is known of the culprit, what runs next, and how it ends. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "flaky_history.h"
#include "t.h"

#define COMMITS 64

static const struct strategy usual = { .error = 0.01, .calibrate_max = 200, .runs_max = 3000 };

static struct flaky_history world_of(const struct lineage *h, double rate, uint64_t seed)
{
	struct rng r = { seed };
	struct flaky_history w = { .history = h, .rate = rate };
	w.culprit = 1 + rng_below(&r, h->count - 1);
	w.salt = rng_next(&r);
	w.rng.state = rng_next(&r);
	return w;
}

/* --- whole bisections --------------------------------------------------------------------------------------------- */

/* How often each kind of answer comes, of @n histories. */
struct counts {
	unsigned right, wrong, range, other, runs;
};

static struct counts bisect_many(const struct lineage *h, struct flaky_history like, double prepare, unsigned n)
{
	struct counts c = { 0 };
	for (uint64_t seed = 0; seed < n; seed++) {
		struct flaky_history w = world_of(h, like.rate, seed);
		w.noise = like.noise;
		w.untestable = like.untestable;
		struct flaky_answer a = flaky_bisect(&w, &usual, prepare, 1);
		bool one = a.answer == STRATEGY_FOUND && a.members == 1;
		c.right += one && a.has_culprit;
		c.wrong += (one || a.answer == STRATEGY_RANGE) && !a.has_culprit;
		c.range += a.answer == STRATEGY_RANGE && a.has_culprit;
		c.other += a.answer != STRATEGY_FOUND && a.answer != STRATEGY_RANGE;
		c.runs += a.runs;
	}
	return c;
}

static const struct {
	struct flaky_history like;
	double prepare;
	unsigned histories, wrong_max, runs_max; /* runs: on average */
} worlds[] = {
	{ { .rate = 0.2 }, 0, 200, 6, 175 },
	{ { .rate = 0.2 }, 10, 100, 4, 190 },
	{ { .rate = 0.5 }, 0, 100, 4, 80 },
	{ { .rate = 1 }, 0, 100, 0, 40 },
	{ { .rate = 0.9, .untestable = 0.3 }, 0, 200, 6, 60 },
	{ { .rate = 0.3, .untestable = 0.5 }, 0, 100, 4, 170 },
};

/* Wrong in at most 3 % of them, although the wanted error is 1 %: these are few histories. */
START_TEST(the_culprit_is_found)
{
	struct lineage h;
	t_ok(lineage_line(&h, COMMITS + 1));
	struct counts c = bisect_many(&h, worlds[_i].like, worlds[_i].prepare, worlds[_i].histories);
	lineage_done(&h);
	ck_assert_uint_eq(c.other, 0);
	ck_assert_uint_le(c.wrong, worlds[_i].wrong_max);
	ck_assert_uint_eq(c.right + c.range + c.wrong, worlds[_i].histories);
	ck_assert_uint_le(c.runs / worlds[_i].histories, worlds[_i].runs_max);
	if (worlds[_i].like.untestable > 0)
		ck_assert_uint_gt(c.range, 0);
	else
		ck_assert_uint_eq(c.range, 0);
}
END_TEST

/* A failure in 20 % of runs; plain bisection stops at the first failure of a point, and repeats passes 29 times. */
START_TEST(fewer_runs_than_plain_bisection)
{
	struct lineage h;
	unsigned ours = 0, plain = 0, runs;
	t_ok(lineage_line(&h, COMMITS + 1));
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct flaky_history a = world_of(&h, 0.2, seed), b = a;
		flaky_bisect(&a, &usual, 0, 1);
		ours += a.runs[PHASE_SEARCH];
		flaky_plain(&b, 29, true, &runs);
		plain += runs;
	}
	lineage_done(&h);
	ck_assert_uint_lt(ours, plain);
}
END_TEST

/* --- ends that are not what they should be ------------------------------------------------------------------------ */

START_TEST(a_bad_end_that_passes_is_no_bad_end)
{
	struct lineage h;
	t_ok(lineage_line(&h, 9));
	struct flaky_history w = world_of(&h, 0, 1);
	struct flaky_answer a = flaky_bisect(&w, &usual, 0, 1);
	lineage_done(&h);
	ck_assert_int_eq(a.answer, STRATEGY_BAD_PASSES);
	ck_assert_uint_eq(a.runs, usual.calibrate_max);
}
END_TEST

START_TEST(a_good_end_that_fails_is_no_good_end)
{
	struct lineage h;
	t_ok(lineage_line(&h, 9));
	struct flaky_history w = world_of(&h, 0.9, 1);
	w.noise = 0.9;
	struct flaky_answer a = flaky_bisect(&w, &usual, 0, 1);
	lineage_done(&h);
	ck_assert_int_eq(a.answer, STRATEGY_GOOD_FAILS);
}
END_TEST

START_TEST(a_limit_of_runs_is_kept)
{
	struct lineage h;
	struct strategy few = usual;
	few.runs_max = 60;
	t_ok(lineage_line(&h, COMMITS + 1));
	struct flaky_history w = world_of(&h, 0.2, 3);
	struct flaky_answer a = flaky_bisect(&w, &few, 0, 1);
	lineage_done(&h);
	ck_assert_int_eq(a.answer, STRATEGY_LIMIT);
	ck_assert_uint_gt(a.members, 1);
	ck_assert(a.has_culprit);
}
END_TEST

START_TEST(ends_that_cannot_be_tested_are_named)
{
	struct lineage h;
	struct posterior p;
	struct strategy_step step;
	const struct posterior_cost cost = { .run = 1, .batch = 1 };
	t_ok(lineage_line(&h, 5));
	t_ok(posterior_init(&p, &h));
	posterior_tell(&p, 4, 3, 0);
	posterior_skip(&p, 0);
	ck_assert_int_eq(strategy_next(&usual, &p, &cost, &step), STRATEGY_GOOD_UNTESTED);
	posterior_skip(&p, 4);
	ck_assert_int_eq(strategy_next(&usual, &p, &cost, &step), STRATEGY_BAD_UNTESTED);
	posterior_done(&p);
	lineage_done(&h);
}
END_TEST

/* --- histories with merges ---------------------------------------------------------------------------------------- */

/* 0 - 1 - 2 ----- 5 - 6, and 1 - 3 - 4 - 5: 5 is a merge. */
static void make_merge(struct lineage *h)
{
	static const uint32_t first[] = { 0, 0, 1, 2, 3, 4, 6, 7 }, parent[] = { 0, 1, 1, 3, 2, 4, 5 };
	*h = (struct lineage){ .count = 7, .first = malloc(sizeof(first)), .parent = malloc(sizeof(parent)) };
	ck_assert(h->first && h->parent);
	memcpy(h->first, first, sizeof(first));
	memcpy(h->parent, parent, sizeof(parent));
}

START_TEST(a_branch_is_told_from_the_other)
{
	struct lineage h;
	struct posterior p;
	bool member[7];
	double probability;
	make_merge(&h);
	t_ok(posterior_init(&p, &h));
	ck_assert(posterior_is_ancestor(&p, 5, 4) && posterior_is_ancestor(&p, 5, 2) &&
		  posterior_is_ancestor(&p, 6, 0));
	ck_assert(!posterior_is_ancestor(&p, 4, 2) && !posterior_is_ancestor(&p, 2, 3));
	posterior_tell(&p, 6, 5, 0);
	posterior_tell(&p, 2, 0, 20);
	posterior_tell(&p, 4, 3, 0);
	posterior_tell(&p, 3, 0, 20);
	ck_assert_uint_eq(posterior_best(&p, member, &probability), 1);
	ck_assert(member[4] && probability > 0.99);
	posterior_done(&p);
	lineage_done(&h);
}
END_TEST

/* Every culprit of any history is found: random parents, a failure in each run. */
START_TEST(any_history)
{
	struct rng r = { (uint64_t)_i };
	struct lineage h = { .count = 2 + rng_below(&r, 60) };
	h.first = calloc(h.count + 1, sizeof(*h.first));
	h.parent = calloc(2 * h.count, sizeof(*h.parent));
	ck_assert(h.first && h.parent);
	for (uint32_t i = 1; i < h.count; i++) {
		uint32_t n = h.first[i];
		h.parent[n++] = (uint32_t)rng_below(&r, i);
		if (rng_below(&r, 3) == 0)
			h.parent[n++] = (uint32_t)rng_below(&r, i);
		if (i + 1 == h.count)
			h.parent[n++] = i - 1;
		h.first[i + 1] = n;
	}
	struct flaky_history w = world_of(&h, 1, (uint64_t)_i + 1000);
	struct posterior p;
	t_ok(posterior_init(&p, &h));
	bool reachable = posterior_is_ancestor(&p, h.count - 1, w.culprit);
	posterior_done(&p);
	if (reachable) {
		struct flaky_answer a = flaky_bisect(&w, &usual, 0, 1);
		ck_assert(a.has_culprit && (a.answer == STRATEGY_FOUND || a.answer == STRATEGY_RANGE));
	}
	lineage_done(&h);
}
END_TEST

/* --- numbers ------------------------------------------------------------------------------------------------------ */

/* The posterior after one failure and one pass of two commits, by hand: Beta integrals 1/6 and 1/2. */
START_TEST(the_posterior_is_that_of_bayes)
{
	struct lineage h;
	struct posterior p;
	t_ok(lineage_line(&h, 3));
	t_ok(posterior_init(&p, &h));
	posterior_tell(&p, 2, 1, 0);
	posterior_tell(&p, 1, 0, 1);
	double one = 1.0 / 6, two = 1.0 / 2 * (1 - LINEAGE_NOISE);
	ck_assert_double_eq_tol(p.probability[1], one / (one + two), 1e-9);
	ck_assert_double_eq_tol(p.probability[1] + p.probability[2], 1, 1e-12);
	posterior_done(&p);
	lineage_done(&h);
}
END_TEST

/* A rate that is well known: as ln(error) / ln(1 - rate), which is 21 for 0.2 and 1 %. */
START_TEST(runs_follow_from_the_error)
{
	struct lineage h;
	struct posterior p;
	t_ok(lineage_line(&h, 2));
	t_ok(posterior_init(&p, &h));
	posterior_tell(&p, 1, 20000, 80000);
	ck_assert_uint_eq(posterior_runs(&p, 1, 0.01, 1000), 21);
	ck_assert_double_eq_tol(posterior_rate(&p, 1), 0.2, 1e-4);
	ck_assert_uint_eq(posterior_runs(&p, 1, 1e-9, 50), 50);
	posterior_done(&p);
	lineage_done(&h);
}
END_TEST

/* With costly builds, fewer commits are built for more runs. */
START_TEST(costly_builds_are_rarer)
{
	struct lineage h;
	size_t prepared[2] = { 0 };
	t_ok(lineage_line(&h, COMMITS + 1));
	for (uint64_t seed = 0; seed < 20; seed++)
		for (int i = 0; i < 2; i++) {
			struct flaky_history w = world_of(&h, 0.2, seed);
			flaky_bisect(&w, &usual, i ? 20 : 0, 1);
			prepared[i] += w.prepared;
		}
	lineage_done(&h);
	ck_assert_uint_lt(2 * prepared[1], prepared[0] * 3 / 2);
}
END_TEST

START_TEST(too_long_a_history)
{
	struct lineage h;
	struct posterior p;
	t_ok(lineage_line(&h, LINEAGE_POINTS_MAX + 1));
	t_errno(posterior_init(&p, &h), E2BIG);
	lineage_done(&h);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, the_culprit_is_found, 0, sizeof(worlds) / sizeof(worlds[0]));
	tcase_add_test(tc, fewer_runs_than_plain_bisection);
	tcase_add_test(tc, a_bad_end_that_passes_is_no_bad_end);
	tcase_add_test(tc, a_good_end_that_fails_is_no_good_end);
	tcase_add_test(tc, a_limit_of_runs_is_kept);
	tcase_add_test(tc, ends_that_cannot_be_tested_are_named);
	tcase_add_test(tc, a_branch_is_told_from_the_other);
	tcase_add_loop_test(tc, any_history, 0, 60);
	tcase_add_test(tc, the_posterior_is_that_of_bayes);
	tcase_add_test(tc, runs_follow_from_the_error);
	tcase_add_test(tc, costly_builds_are_rarer);
	tcase_add_test(tc, too_long_a_history);
}

int main(void)
{
	return t_main("posterior", fill);
}
