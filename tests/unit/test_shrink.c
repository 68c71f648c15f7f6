/* SPDX-License-Identifier: GPL-2.0-only */
/* Delta debugging on predicates that are made up, and edits of scenario files. */
#include <string.h>

#include "base/json.h"
#include "base/rng.h"
#include "shrink/ddmin.h"
#include "shrink/edits.h"
#include "t.h"

#define ITEMS_MAX 5000

/* --- predicates --------------------------------------------------------------------------------------------------- */

/* The failure needs all of these. */
static const struct {
	size_t items;
	size_t need[5]; /* number + 1 */
} needs[] = {
	{ 1, { 1 } },
	{ 1, { 0 } },
	{ 2, { 2 } },
	{ 10, { 0 } },
	{ 100, { 1, 100 } },
	{ 1000, { 3, 4, 5 } },
	{ 4000, { 7, 2000, 3999 } },
	{ 37, { 1, 10, 20, 30, 37 } },
};

static bool has_all(const bool *keep, const size_t *need)
{
	for (size_t i = 0; i < 5 && need[i]; i++)
		if (!keep[need[i] - 1])
			return false;
	return true;
}

static size_t count_kept(const struct ddmin *d)
{
	size_t n = 0;
	for (size_t i = 0; i < d->items; i++)
		n += d->kept[i];
	return n;
}

START_TEST(what_is_needed_is_left)
{
	static bool keep[ITEMS_MAX];
	struct ddmin d;
	size_t needed = 0, tests = 0;
	t_ok(ddmin_init(&d, needs[_i].items));
	for (; ddmin_candidate(&d, 0, keep); tests++)
		ddmin_tell(&d, has_all(keep, needs[_i].need));
	for (size_t i = 0; i < 5; i++)
		needed += needs[_i].need[i] != 0;
	ck_assert(has_all(d.kept, needs[_i].need));
	ck_assert_uint_eq(count_kept(&d), needed);
	ck_assert_uint_eq(d.count, needed);
	ck_assert_uint_lt(tests, 200);
	ddmin_done(&d);
}
END_TEST

/* The failure needs an even number of items, which no subset rule foresees: the end is still 1-minimal. */
START_TEST(the_end_is_minimal_for_any_predicate)
{
	static bool keep[ITEMS_MAX];
	struct ddmin d;
	struct rng rng = { (uint64_t)_i };
	uint64_t salt = rng_next(&rng);
	t_ok(ddmin_init(&d, 60));
	for (size_t tests = 0; ddmin_candidate(&d, 0, keep); tests++) {
		struct rng mix = { salt };
		size_t kept = 0;
		for (size_t i = 0; i < d.items; i++) {
			kept += keep[i];
			mix.state ^= keep[i] ? rng_next(&mix) + i : 0;
		}
		ck_assert_uint_lt(tests, 20000);
		ddmin_tell(&d, kept > 4 && rng_next(&mix) % 3 == 0);
	}
	ck_assert_uint_eq(count_kept(&d), d.count);
	ddmin_done(&d);
}
END_TEST

/* What is asked for ahead of time is what will be asked for if all before it are rejected. */
START_TEST(speculation_foresees_rejections)
{
	static bool ahead[3][ITEMS_MAX], now[ITEMS_MAX];
	struct ddmin d;
	t_ok(ddmin_init(&d, 9));
	for (size_t i = 0; i < 3; i++)
		ck_assert(ddmin_candidate(&d, i, ahead[i]));
	for (size_t i = 0; i < 3; i++) {
		ck_assert(ddmin_candidate(&d, 0, now));
		ck_assert_mem_eq(now, ahead[i], 9);
		ddmin_tell(&d, false);
	}
	ddmin_done(&d);
}
END_TEST

START_TEST(nothing_is_nothing_to_shrink)
{
	bool keep[1];
	struct ddmin d;
	t_ok(ddmin_init(&d, 0));
	ck_assert(!ddmin_candidate(&d, 0, keep));
	ddmin_done(&d);
}
END_TEST

/* --- flaky predicates --------------------------------------------------------------------------------------------- */

START_TEST(tries_follow_from_the_rate)
{
	ck_assert_uint_eq(ddmin_tries(0.2, 0.01, 100), 21);
	ck_assert_uint_eq(ddmin_tries(1, 0.01, 100), 1);
	ck_assert_uint_eq(ddmin_tries(0.999999, 0.5, 100), 1);
	ck_assert_uint_eq(ddmin_tries(0, 0.01, 100), 100);
	ck_assert_uint_eq(ddmin_tries(0.001, 0.01, 100), 100);
	ck_assert_uint_eq(ddmin_tries(1e-300, 0.01, 7), 7);
}
END_TEST

/* With so many tries, what the failure needs is found although it shows in 30 % of runs only. */
START_TEST(a_flaky_failure_is_repeated_until_it_is_known)
{
	static bool keep[ITEMS_MAX];
	static const size_t need[5] = { 5, 50 };
	const unsigned tries = ddmin_tries(0.3, 1e-6, 1000);
	struct rng rng = { (uint64_t)_i };
	struct ddmin d;
	t_ok(ddmin_init(&d, 64));
	while (ddmin_candidate(&d, 0, keep)) {
		bool failed = false;
		for (unsigned i = 0; i < tries && !failed; i++)
			failed = has_all(keep, need) && rng_below(&rng, 10) < 3;
		ddmin_tell(&d, failed);
	}
	ck_assert(has_all(d.kept, need));
	ck_assert_uint_eq(d.count, 2);
	ddmin_done(&d);
}
END_TEST

/* --- edits -------------------------------------------------------------------------------------------------------- */

static const char file[] =
	"{\"ktstr_scenario\": 1, \"schedulers\": [{\"name\": \"s\", \"binary\": \"scx_s\", \"args\": [\"-a\", "
	"\"-b\"]}],"
	" \"test\": {\"name\": \"t\", \"scheduler\": \"s\", \"cores\": 4, \"duration_s\": 8},"
	" \"scenario\": {\"backdrop\": {\"cgroups\": [{\"name\": \"b\"}]}, \"steps\": ["
	"  {\"name\": \"one\", \"ops\": [{\"kind\": \"spawn\", \"load\": {\"workers\": 3}}]},"
	"  {\"name\": \"two\", \"cgroups\": [{\"name\": \"x\", \"workers\": 4, \"work\": {\"type\": \"bursty\","
	"    \"burst_ms\": 2}}], \"hold\": {\"share\": 0.5}}]}}";

START_TEST(sizes_are_counted)
{
	json_auto_t *root = json_loads(file, 0, NULL);
	struct scenario_size s = scenario_size(root);
	ck_assert_uint_eq(s.steps, 2);
	ck_assert_uint_eq(s.operations, 1);
	ck_assert_uint_eq(s.cgroups, 2);
	ck_assert_uint_eq(s.workers, 2 + 3 + 4);
	ck_assert_uint_eq(s.cpus, 4);
	ck_assert_uint_eq(s.duration_s, 8);
}
END_TEST

static bool has_edit(const json_t *root, const char *text)
{
	for (size_t i = 0;; i++) {
		_cleanup_buf_ struct buf what = BUF_NULL;
		json_auto_t *edited = edits_apply(root, i, &what);
		if (!edited)
			return false;
		ck_assert_uint_lt(i, 1000);
		if (!strcmp(buf_str(&what), text))
			return true;
	}
}

START_TEST(edits_leave_out_what_is_not_needed)
{
	json_auto_t *root = json_loads(file, 0, NULL), *copy = json_deep_copy(root);
	ck_assert(has_edit(root, "leave out 1 of 2 entries from number 0 on of scenario/steps"));
	ck_assert(has_edit(root, "leave out 1 of 1 entries from number 0 on of scenario/steps[0]/ops"));
	ck_assert(has_edit(root, "leave out 2 of 2 entries from number 0 on of schedulers[0]/args"));
	ck_assert(has_edit(root, "leave out scenario/backdrop"));
	ck_assert(has_edit(root, "leave out scenario/steps[1]/cgroups[0]/work/burst_ms"));
	ck_assert(has_edit(root, "1 instead of 4 for scenario/steps[1]/cgroups[0]/workers"));
	ck_assert(has_edit(root, "4 instead of 8 for test/duration_s"));
	ck_assert(!has_edit(root, "leave out test/name"));
	ck_assert(!has_edit(root, "leave out test/scheduler"));
	ck_assert(!has_edit(root, "leave out scenario/steps"));
	ck_assert(json_equal(root, copy));
}
END_TEST

/* Whatever the order: taking every edit comes to an end, at a file that has a step and a scheduler. */
START_TEST(edits_come_to_an_end)
{
	json_t *root = json_loads(file, 0, NULL);
	for (size_t n = 0;; n++) {
		json_t *next = edits_apply(root, 0, NULL);
		if (!next)
			break;
		ck_assert_uint_lt(n, 200);
		json_decref(root);
		root = next;
	}
	struct scenario_size s = scenario_size(root);
	ck_assert_uint_eq(s.steps, 1);
	ck_assert_uint_eq(s.cgroups, 0);
	ck_assert_uint_eq(s.cpus, 1);
	ck_assert_uint_eq(s.duration_s, 1);
	json_decref(root);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, what_is_needed_is_left, 0, ARRAY_SIZE(needs));
	tcase_add_loop_test(tc, the_end_is_minimal_for_any_predicate, 0, 20);
	tcase_add_test(tc, speculation_foresees_rejections);
	tcase_add_test(tc, nothing_is_nothing_to_shrink);
	tcase_add_test(tc, tries_follow_from_the_rate);
	tcase_add_loop_test(tc, a_flaky_failure_is_repeated_until_it_is_known, 0, 10);
	tcase_add_test(tc, sizes_are_counted);
	tcase_add_test(tc, edits_leave_out_what_is_not_needed);
	tcase_add_test(tc, edits_come_to_an_end);
}

int main(void)
{
	return t_main("shrink", fill);
}
