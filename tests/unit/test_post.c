/* SPDX-License-Identifier: GPL-2.0-only */
/* Values in snapshots, patterns over series of them, and claims: hand-computed, with every message. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "guest/post/post.h"
#include "t.h"

/* --- patterns ----------------------------------------------------------------------------------------------------- */

#define GAP(n, at)                                                                   \
	{                                                                            \
		.name = "periodic_00" #n, .ms = at, .gap = "snapshot: no such thing" \
	}
#define AT(n, at, v)                                           \
	{                                                      \
		.name = "periodic_00" #n, .ms = at, .value = v \
	}
#define SERIES(...)                                                                              \
	(&(const struct ktstr_series){ .label = "nr",                                            \
				       .sample = (const struct sample[]){ __VA_ARGS__ },         \
				       .count = sizeof((const struct sample[]){ __VA_ARGS__ }) / \
						sizeof(struct sample) })

static void expect(struct ktstr_claim claim, enum ktstr_verdict verdict, const char *text)
{
	ck_assert_str_eq(claim.text ? claim.text : "", text);
	ck_assert_int_eq(claim.verdict, verdict);
	ck_assert_ptr_nonnull(claim.label);
}

START_TEST(increasing_series)
{
	struct ktstr_post p = { .channel = { .fd = -1 } };
	const struct ktstr_series *flat = SERIES(AT(0, 100, 5), AT(1, 200, 5), AT(2, 300, 6)),
				  *falls = SERIES(AT(3, 700, 200), AT(4, 850, 100)),
				  *gap = SERIES(AT(0, 100, 1), GAP(1, 200), AT(2, 300, 2));
	expect(ktstr_nondecreasing(&p, flat), KTSTR_PASS, "");
	expect(ktstr_strictly_increasing(&p, flat), KTSTR_FAIL,
	       "nr (strictly_increasing): no increase at sample periodic_001 (+200ms): value 5 after prior value 5 at "
	       "sample periodic_000 (+100ms)");
	expect(ktstr_nondecreasing(&p, falls), KTSTR_FAIL,
	       "nr (nondecreasing): regression at sample periodic_004 (+850ms): value 100 after prior value 200 at "
	       "sample periodic_003 (+700ms)");
	expect(ktstr_strictly_increasing(&p, gap), KTSTR_PASS,
	       "nr (strictly_increasing): 1 of 3 samples have no value and were passed over; sample periodic_001 "
	       "(+200ms): snapshot: no such thing");
	post_done(&p);
}
END_TEST

START_TEST(too_few_and_no_samples)
{
	struct ktstr_post p = { .channel = { .fd = -1 } };
	const struct ktstr_series *one = SERIES(AT(0, 100, 5)), *none = SERIES(GAP(0, 100), GAP(1, 200)),
				  empty = { .label = "nr" };
	expect(ktstr_nondecreasing(&p, one), KTSTR_PASS,
	       "nr (nondecreasing): holds for want of samples: it has 1, and needs 2");
	expect(ktstr_converges_to(&p, SERIES(AT(0, 1, 5), AT(1, 2, 5)), 5, 1, 100), KTSTR_PASS,
	       "nr (converges_to): holds for want of samples: it has 2, and needs 3");
	expect(ktstr_nondecreasing(&p, none), KTSTR_INCONCLUSIVE,
	       "nr (nondecreasing): none of 2 samples has a value: snapshot: no such thing");
	expect(ktstr_always_true(&p, &empty), KTSTR_INCONCLUSIVE, "nr (always_true): none of 0 samples has a value");
	post_done(&p);
}
END_TEST

/* 100 in 200 ms is 0.5 per ms; then -10 in 100 ms is -0.1. */
START_TEST(rates)
{
	struct ktstr_post p = { .channel = { .fd = -1 } };
	const struct ktstr_series *s = SERIES(AT(0, 100, 0), AT(1, 300, 100), AT(2, 400, 90));
	expect(ktstr_rate_within(&p, s, -0.1, 0.5), KTSTR_PASS, "");
	expect(ktstr_rate_within(&p, s, 0, 0.5), KTSTR_FAIL,
	       "nr (rate_within): -0.1 per ms from sample periodic_001 (+300ms) to sample periodic_002 (+400ms) is not "
	       "between 0 and 0.5");
	expect(ktstr_rate_within(&p, s, -1, 0.25), KTSTR_FAIL,
	       "nr (rate_within): 0.5 per ms from sample periodic_000 (+100ms) to sample periodic_001 (+300ms) is not "
	       "between -1 and 0.25");
	expect(ktstr_rate_within(&p, SERIES(AT(0, 100, 0), AT(1, 100, 1)), 0, 1), KTSTR_INCONCLUSIVE,
	       "nr (rate_within): no time passed from sample periodic_000 (+100ms) to sample periodic_001 (+100ms)");
	expect(ktstr_rate_within(&p, s, 2, 1), KTSTR_FAIL,
	       "nr (rate_within): the lower limit 2 is above the upper limit 1");
	post_done(&p);
}
END_TEST

/* After the warm-up, the mean of 90, 100 and 110 is 100. */
START_TEST(steadiness)
{
	struct ktstr_post p = { .channel = { .fd = -1 } };
	const struct ktstr_series *s = SERIES(AT(0, 100, 5), AT(1, 200, 90), AT(2, 300, 100), AT(3, 400, 110));
	expect(ktstr_steady_within(&p, s, 200, 0.1), KTSTR_PASS, "");
	expect(ktstr_steady_within(&p, s, 200, 0.05), KTSTR_FAIL,
	       "nr (steady_within): value 90 at sample periodic_001 (+200ms) is not within 5 % of the mean 100");
	expect(ktstr_steady_within(&p, s, 400, 0.05), KTSTR_PASS,
	       "nr (steady_within): holds for want of samples: 1 after the warm-up of 400 ms, and it needs 2");
	expect(ktstr_steady_within(&p, s, 0, -1), KTSTR_FAIL, "nr (steady_within): the tolerance -1 is negative");
	post_done(&p);
}
END_TEST

START_TEST(ratios)
{
	struct ktstr_post p = { .channel = { .fd = -1 } };
	const struct ktstr_series *a = SERIES(AT(0, 100, 10), AT(1, 200, 30), AT(2, 300, 8)),
				  *b = SERIES(AT(0, 100, 5), AT(1, 200, 10), GAP(2, 300)),
				  *zero = SERIES(AT(0, 100, 5), AT(1, 200, 0), AT(2, 300, 1));
	expect(ktstr_ratio_within(&p, a, b, 2, 3), KTSTR_PASS,
	       "nr / nr (ratio_within): 1 of 3 samples have no value and were passed over; sample periodic_002 "
	       "(+300ms): nr has none");
	expect(ktstr_ratio_within(&p, a, b, 2, 2.5), KTSTR_FAIL,
	       "nr / nr (ratio_within): 3 at sample periodic_001 (+200ms) is not between 2 and 2.5");
	expect(ktstr_ratio_within(&p, a, zero, 1, 3), KTSTR_INCONCLUSIVE,
	       "nr / nr (ratio_within): nr is 0 at sample periodic_001 (+200ms)");
	post_done(&p);
}
END_TEST

START_TEST(convergence)
{
	struct ktstr_post p = { .channel = { .fd = -1 } };
	const struct ktstr_series *s =
		SERIES(AT(0, 100, 10), AT(1, 200, 20), AT(2, 300, 21), AT(3, 400, 19), AT(4, 500, 40));
	expect(ktstr_converges_to(&p, s, 20, 1, 400), KTSTR_PASS, "");
	expect(ktstr_converges_to(&p, s, 20, 1, 399), KTSTR_FAIL,
	       "nr (converges_to): no 3 values one after the other are within 1 of 20 by +399ms; the last one, at "
	       "sample periodic_002 (+300ms), is 21");
	expect(ktstr_converges_to(&p, s, 20, 0.5, 1000), KTSTR_FAIL,
	       "nr (converges_to): no 3 values one after the other are within 0.5 of 20 by +1000ms; the last one, at "
	       "sample periodic_004 (+500ms), is 40");
	expect(ktstr_converges_to(&p, s, 20, 1, 50), KTSTR_FAIL,
	       "nr (converges_to): the first sample is after the deadline of +50ms");
	post_done(&p);
}
END_TEST

START_TEST(strict_patterns)
{
	struct ktstr_post p = { .channel = { .fd = -1 } };
	const struct ktstr_series *s = SERIES(AT(0, 100, 1), AT(1, 200, 3)),
				  *off = SERIES(AT(0, 100, 1), AT(1, 200, 0)),
				  *gap = SERIES(AT(0, 100, 1), GAP(1, 200));
	expect(ktstr_always_true(&p, s), KTSTR_PASS, "");
	expect(ktstr_always_true(&p, off), KTSTR_FAIL, "nr (always_true): false at sample periodic_001 (+200ms)");
	expect(ktstr_always_true(&p, gap), KTSTR_FAIL,
	       "nr (always_true): sample periodic_001 (+200ms) has no value: snapshot: no such thing");
	expect(ktstr_each(&p, s, KTSTR_AT_LEAST, 1), KTSTR_PASS, "");
	expect(ktstr_each(&p, s, KTSTR_LESS, 3), KTSTR_FAIL,
	       "nr (each): value 3 at sample periodic_001 (+200ms) is not less than 3");
	expect(ktstr_each(&p, gap, KTSTR_LESS, 3), KTSTR_FAIL,
	       "nr (each): sample periodic_001 (+200ms) has no value: snapshot: no such thing");
	expect(ktstr_each_between(&p, s, 1, 3), KTSTR_PASS, "");
	expect(ktstr_each_between(&p, s, 2, 3), KTSTR_FAIL,
	       "nr (each_between): value 1 at sample periodic_000 (+100ms) is not between 2 and 3");
	expect(ktstr_each_between(&p, s, 3, 2), KTSTR_FAIL,
	       "nr (each_between): the lower limit 3 is above the upper limit 2");
	post_done(&p);
}
END_TEST

START_TEST(not_a_number)
{
	struct ktstr_post p = { .channel = { .fd = -1 } };
	const struct ktstr_series *s = SERIES(AT(0, 100, 1), AT(1, 200, NAN), AT(2, 300, 3));
	const char *all[] = { "nondecreasing", "rate_within", "steady_within", "converges_to", "always_true", "each" };
	const struct ktstr_claim claims[] = { ktstr_nondecreasing(&p, s),	ktstr_rate_within(&p, s, 0, 9),
					      ktstr_steady_within(&p, s, 0, 1), ktstr_converges_to(&p, s, 1, 1, 500),
					      ktstr_always_true(&p, s),		ktstr_each(&p, s, KTSTR_AT_LEAST, 0) };
	for (unsigned i = 0; i < 6; i++) {
		char text[160];
		snprintf(text, sizeof(text), "nr (%s): the value at sample periodic_001 (+200ms) is NaN: incomparable",
			 all[i]);
		expect(claims[i], KTSTR_FAIL, text);
	}
	expect(ktstr_compare(&p, "x", NAN, KTSTR_NOT_EQUAL, 1), KTSTR_FAIL, "x: nan and 1 are incomparable");
	post_done(&p);
}
END_TEST

/* --- claims ------------------------------------------------------------------------------------------------------- */

START_TEST(folding)
{
	struct ktstr_post p = { .channel = { .fd = -1 } };
	const struct ktstr_claim ok = { "a", KTSTR_PASS, NULL }, bad = { "b", KTSTR_FAIL, "b is bad" },
				 worse = { "c", KTSTR_FAIL, "c is bad" },
				 unknown = { "d", KTSTR_INCONCLUSIVE, "d is unknown" },
				 skipped = { "e", KTSTR_SKIP, "not here" };
	expect(ktstr_all_of(&p, KTSTR_CLAIMS(skipped, ok, unknown, bad, worse)), KTSTR_FAIL, "b is bad");
	expect(ktstr_all_of(&p, KTSTR_CLAIMS(skipped, ok, unknown)), KTSTR_INCONCLUSIVE, "d is unknown");
	expect(ktstr_all_of(&p, KTSTR_CLAIMS(skipped, ok)), KTSTR_PASS, "");
	expect(ktstr_all_of(&p, KTSTR_CLAIMS(skipped, skipped)), KTSTR_SKIP, "not here");
	expect(ktstr_all_of(&p, KTSTR_CLAIMS({ .label = 0 })), KTSTR_PASS, "");
	expect(ktstr_any_of(&p, KTSTR_CLAIMS(bad, unknown, ok)), KTSTR_PASS, "");
	expect(ktstr_any_of(&p, KTSTR_CLAIMS(skipped, bad, unknown)), KTSTR_FAIL,
	       "any_of: 1 failed, 1 inconclusive, 1 skipped of 3 branches; any_of[0]: not here; any_of[1]: b is bad; "
	       "any_of[2]: d is unknown");
	expect(ktstr_any_of(&p, KTSTR_CLAIMS(skipped, unknown)), KTSTR_INCONCLUSIVE,
	       "any_of: 0 failed, 1 inconclusive, 1 skipped of 2 branches; any_of[0]: not here; any_of[1]: d is "
	       "unknown");
	expect(ktstr_any_of(&p, KTSTR_CLAIMS(skipped)), KTSTR_SKIP,
	       "any_of: 0 failed, 0 inconclusive, 1 skipped of 1 branches; any_of[0]: not here");
	post_done(&p);
}
END_TEST

START_TEST(comparisons)
{
	struct ktstr_post p = { .channel = { .fd = -1 }, .verdict = KTSTR_SKIP };
	expect(KTSTR_CLAIM(&p, 1 + 1, AT_LEAST, 2), KTSTR_PASS, "");
	expect(KTSTR_CLAIM(&p, 1 + 1, AT_LEAST, 3), KTSTR_FAIL, "1 + 1: 2 is not at least 3");
	expect(KTSTR_CLAIM(&p, 1 + 1, NOT_EQUAL, 2), KTSTR_FAIL, "1 + 1: 2 is not other than 2");
	expect(ktstr_between(&p, "x", 4, 1, 3), KTSTR_FAIL, "x: 4 is not between 1 and 3");
	expect(ktstr_between(&p, "x", 4, 3, 1), KTSTR_FAIL, "x: the lower limit 3 is above the upper limit 1");
	ck_assert_int_eq(ktstr_judge(&p, KTSTR_CLAIM(&p, 2, GREATER, 1)), KTSTR_PASS);
	ck_assert_int_eq(p.verdict, KTSTR_PASS);
	ck_assert_ptr_null(p.said);
	ck_assert_int_eq(ktstr_judge(&p, KTSTR_CLAIM(&p, 2, LESS, 1)), KTSTR_FAIL);
	ck_assert_int_eq(p.verdict, KTSTR_FAIL);
	ck_assert_str_eq(p.said, "2: 2 is not less than 1");
	post_done(&p);
}
END_TEST

/* --- values ------------------------------------------------------------------------------------------------------- */

static void open_snapshots(struct ktstr_post *p)
{
	_cleanup_err_ struct err *err = NULL;
	t_ok(post_open(p, POST_SNAPSHOTS, &err));
}

static const struct ktstr_value *variable(struct ktstr_post *p, const char *path)
{
	return ktstr_snap_var(ktstr_snap(p, "begin"), path);
}

START_TEST(values)
{
	struct ktstr_post p;
	open_snapshots(&p);
	ck_assert_uint_eq(ktstr_snap_count(&p), 3);
	ck_assert_double_eq(ktstr_snap_ms(ktstr_snap_at(&p, 0)), 1.5);
	ck_assert_int_eq(ktstr_snap_step(ktstr_snap_at(&p, 0)), -1);
	ck_assert_int_eq(ktstr_snap_step(ktstr_snap(&p, "periodic_000")), 2);
	ck_assert_uint_eq(ktstr_value_u64(variable(&p, "nr")), 7);
	ck_assert_uint_eq(ktstr_value_u64(variable(&p, "ctx.hits[1]")), 4);
	ck_assert_uint_eq(ktstr_value_u64(ktstr_value_get(variable(&p, "ctx"), "hits[0]")), 3);
	ck_assert_int_eq(ktstr_value_i64(variable(&p, "inner")), -5);
	ck_assert_double_eq(ktstr_value_double(variable(&p, "inner")), -5);
	ck_assert_uint_eq(ktstr_value_u64(variable(&p, "big")), UINT64_MAX);
	ck_assert_uint_eq(ktstr_value_u64(variable(&p, "raw")), 0x201);
	ck_assert_str_eq(ktstr_value_text(variable(&p, "mode")), "FAST");
	ck_assert(ktstr_value_bool(variable(&p, "mode")));
	ck_assert_uint_eq(ktstr_value_u64(variable(&p, "null")), 0);
	const struct ktstr_value *stats = ktstr_snap_map(ktstr_snap(&p, "begin"), "stats"),
				 *tasks = ktstr_snap_map(ktstr_snap(&p, "begin"), "tasks");
	ck_assert_uint_eq(ktstr_value_u64(ktstr_value_cpu(stats, 1)), 11);
	ck_assert_uint_eq(ktstr_value_u64(ktstr_value_cpu(ktstr_value_at(stats, 0), 0)), 10);
	ck_assert_uint_eq(ktstr_value_count(tasks), 2);
	ck_assert_uint_eq(ktstr_value_u64(ktstr_value_get(ktstr_value_find(tasks, "pid", 42), "w")), 9);
	ck_assert_uint_eq(ktstr_value_u64(ktstr_value_get(ktstr_value_max_by(tasks, "w"), "pid")), 42);
	ck_assert_uint_eq(ktstr_value_u64(ktstr_snap_get(ktstr_snap(&p, "begin"), "rq_scx_states[0].nr_running")), 3);
	ck_assert_ptr_null(p.said);
	post_done(&p);
}
END_TEST

START_TEST(missing_values)
{
	struct ktstr_post p;
	open_snapshots(&p);
	const struct ktstr_snapshot *s = ktstr_snap(&p, "begin");
	const struct ktstr_value *tasks = ktstr_snap_map(s, "tasks");
	const struct {
		const struct ktstr_value *value;
		const char *error;
	} cases[] = {
		{ ktstr_snap_var(s, "no"),
		  "snapshot 'begin': there is no variable 'no'; there are: nr, ctx, inner, mode, "
		  "big, raw, both, null, both" },
		{ ktstr_snap_var(s, "both"),
		  "snapshot 'begin': the variable 'both' is in 'x.bss' and in 'x.data'; choose "
		  "one with ktstr_snap_map()" },
		{ ktstr_snap_var(s, "ctx.no"),
		  "'ctx.no' of snapshot 'begin': there is no member 'no'; there are: hits" },
		{ ktstr_snap_var(s, "ctx.hits[2]"),
		  "'ctx.hits[2]' of snapshot 'begin': there is no element '2'; it has 2 elements" },
		{ ktstr_snap_var(s, "null.x"),
		  "'null.x' of snapshot 'begin': there is no member 'x'; it is a pointer that "
		  "is not followed: NULL" },
		{ ktstr_snap_var(s, "ctx..x"), "'.x' is not a valid path; write it like 'a.b[2].c'" },
		{ ktstr_snap_var(s, "[1]"), "'[1]' is not a valid path to a variable" },
		{ ktstr_snap_map(s, "no"),
		  "snapshot 'begin': there is no map 'no'; there are: x.bss, x.data, stats, tasks" },
		{ ktstr_value_cpu(ktstr_snap_map(s, "stats"), 7),
		  "'stats' of snapshot 'begin': there is no CPU 7; there are 2 CPUs" },
		{ ktstr_value_cpu(tasks, 0), "'tasks' of snapshot 'begin' is not a per-CPU value" },
		{ ktstr_value_find(tasks, "pid", 40),
		  "'tasks' of snapshot 'begin': no entry of 2 has 'pid' 40; there are: 41, 42" },
		{ ktstr_value_max_by(tasks, "no"), "'tasks' of snapshot 'begin': no entry of 2 has 'no'" },
		{ ktstr_snap_var(ktstr_snap(&p, "end"), "nr"),
		  "snapshot 'end': there is no such snapshot; there are: begin, periodic_000, periodic_001" },
		{ ktstr_snap_var(ktstr_snap_at(&p, 2), "nr"), "snapshot 'periodic_001': the guest slept" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_ptr_nonnull(ktstr_value_error(cases[i].value));
		ck_assert_str_eq(ktstr_value_error(cases[i].value), cases[i].error);
	}
	ck_assert_ptr_null(p.said);
	/* What follows from a missing value has its error, and a number of it reports that. */
	ck_assert_uint_eq(ktstr_value_u64(ktstr_value_get(cases[2].value, "more[1]")), 0);
	ck_assert_str_eq(p.said, cases[2].error);
	ck_assert_int_eq(p.verdict, KTSTR_FAIL);
	ck_assert_uint_eq(ktstr_value_u64(ktstr_snap_map(s, "stats")), 0);
	ck_assert_str_eq(p.said, "'stats' of snapshot 'begin' is a per-CPU value; choose one of 2 CPUs with "
				 "ktstr_value_cpu()");
	ck_assert_str_eq(ktstr_value_text(ktstr_snap_var(s, "nr")), "");
	ck_assert_str_eq(p.said, "'nr' of snapshot 'begin' is not a text but uint; it has no members");
	ck_assert_uint_eq(ktstr_value_u64(ktstr_snap_var(s, "ctx")), 0);
	ck_assert_str_eq(p.said, "'ctx' of snapshot 'begin' is not a number but struct; there are: hits");
	post_done(&p);
}
END_TEST

START_TEST(series_of_snapshots)
{
	struct ktstr_post p;
	open_snapshots(&p);
	const struct ktstr_series *s = ktstr_series_var(&p, "nr");
	ck_assert_uint_eq(s->count, 2); /* the one that is not periodic does not count */
	ck_assert_double_eq(s->sample[0].value, 7);
	ck_assert_str_eq(s->sample[1].gap, "snapshot 'periodic_001': the guest slept");
	expect(ktstr_each(&p, s, KTSTR_EQUAL, 7), KTSTR_FAIL,
	       "nr (each): sample periodic_001 has no value: snapshot 'periodic_001': the guest slept");
	post_done(&p);
}
END_TEST

static enum ktstr_verdict judge(struct ktstr_post *p)
{
	return ktstr_snap_count(p) == 3 ? KTSTR_PASS : KTSTR_FAIL;
}

/* A file that is none makes the test Inconclusive, and post_vm is not called. */
START_TEST(bad_files)
{
	struct ktstr_post p;
	_cleanup_err_ struct err *err = NULL;
	const struct ktstr_test test = { .name = "t", .post_vm = judge };
	t_errno(post_open(&p, "/nonexistent/x", &err), EBADMSG);
	t_err_contains(&err, "read the snapshots in /nonexistent/x: unable to open");
	post_done(&p);
	ck_assert_int_lt(post_run(&test, "/nonexistent/x", -1), 0); /* nobody hears the result */
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, increasing_series);
	tcase_add_test(tc, too_few_and_no_samples);
	tcase_add_test(tc, rates);
	tcase_add_test(tc, steadiness);
	tcase_add_test(tc, ratios);
	tcase_add_test(tc, convergence);
	tcase_add_test(tc, strict_patterns);
	tcase_add_test(tc, not_a_number);
	tcase_add_test(tc, folding);
	tcase_add_test(tc, comparisons);
	tcase_add_test(tc, values);
	tcase_add_test(tc, missing_values);
	tcase_add_test(tc, series_of_snapshots);
	tcase_add_test(tc, bad_files);
}

int main(void)
{
	return t_main("post", fill);
}
