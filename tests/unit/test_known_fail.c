/* SPDX-License-Identifier: GPL-2.0-only */
/* Known failures: on which kernels and under which schedulers they apply, and how they change a verdict. */
#include <string.h>

#include "run/known_fail.h"
#include "t.h"
#include "verdict/known.h"

static const struct {
	const char *refs, *version;
	bool applies;
} kernels[] = {
	{ "6.12", "6.12.117", true },	      { "6.12", "6.1.117", false },
	{ "6.12", "6.12.0-rc3", false },      { "6", "6.1.2", true },
	{ "6.12.3", "6.12.3", true },	      { "6.12.3", "6.12.4", false },
	{ "6.1..6.11", "6.1.0", true },	      { "6.1..6.11", "6.11.9", true },
	{ "6.1..6.11", "6.12.0", false },     { "6.1..=6.11", "6.11.9", true },
	{ "6.1..6.11", "6.0.19", false },     { "6.12.3..6.12.5", "6.12.6", false },
	{ "6.12..7.1", "7.1.0-rc2+", true },  { "7.0-rc1..7.1", "7.0.0-rc1-dirty", true },
	{ "6.1,6.12", "6.12.117", true },     { "6.1,6.6", "6.12.117", false },
	{ "v6.12", "6.12.117", true },	      { "the-key", "6.12.117", true },
	{ "another-key", "6.12.117", false }, { "6.12", NULL, false },
};

/* Declarations own their texts. */
#define TEXT(s) ((char *)(s))

static struct test_decl with(struct known_fail_decl *list, size_t count)
{
	return (struct test_decl){ .name = TEXT("t"), .known_fail = list, .known_fails = count };
}

START_TEST(kernels_are_told_apart)
{
	struct known_fail_decl known = { .kernel = (char *)kernels[_i].refs, .reason = TEXT("r") };
	struct test_decl t = with(&known, 1);
	struct kernel k = { .version = (char *)kernels[_i].version, .key = TEXT("the-key") };
	t_ok(kernels_check(kernels[_i].refs, NULL));
	ck_assert_msg(!!known_fail_find(&t, &k) == kernels[_i].applies, "%s on %s", kernels[_i].refs,
		      kernels[_i].version ?: "none");
}
END_TEST

START_TEST(both_conditions_must_hold)
{
	struct known_fail_decl known[] = {
		{ .scheduler = TEXT("scx_x"), .kernel = TEXT("6.12"), .reason = TEXT("both") },
		{ .scheduler = TEXT("eevdf"), .reason = TEXT("own") }
	};
	struct sched_decl x = { .name = TEXT("scx_x") }, y = { .name = TEXT("scx_y") };
	struct test_decl t = with(known, 2);
	struct kernel k12 = { .version = TEXT("6.12.1") }, k1 = { .version = TEXT("6.1.1") };
	ck_assert_str_eq(known_fail_find(&t, &k1)->reason, "own");
	t.scheduler = &x;
	ck_assert_str_eq(known_fail_find(&t, &k12)->reason, "both");
	ck_assert_ptr_null(known_fail_find(&t, &k1));
	ck_assert_ptr_null(known_fail_find(&t, NULL));
	t.scheduler = &y;
	ck_assert_ptr_null(known_fail_find(&t, &k12));
}
END_TEST

static const struct {
	const char *refs, *why;
} bad_kernels[] = {
	{ "", "is empty or too long" },
	{ "6.1,,6.2", "is empty or too long" },
	{ "6.11..6.1", "inverted kernel range" },
	{ "./linux", "write a version (6.12.3)" },
	{ "git+https://example.org/linux#main", "write a version (6.12.3)" },
	{ "distro", "write a version (6.12.3)" },
};

START_TEST(kernels_that_cannot_be_told_are_refused)
{
	struct err *err = NULL;
	ck_assert_int_lt(kernels_check(bad_kernels[_i].refs, &err), 0);
	t_err_contains(&err, bad_kernels[_i].why);
}
END_TEST

static const struct {
	enum ktstr_verdict verdict;
	enum detail_kind cause;
	bool known;
	enum known_outcome outcome;
} outcomes[] = {
	{ KTSTR_FAIL, DETAIL_STARVED, true, KNOWN_XFAIL },  { KTSTR_FAIL, DETAIL_HARNESS, true, KNOWN_XFAIL },
	{ KTSTR_FAIL, DETAIL_SKIP, true, KNOWN_NONE }, /* --no-skip-mode */
	{ KTSTR_FAIL, DETAIL_STARVED, false, KNOWN_NONE },  { KTSTR_PASS, DETAIL_KIND_MAX, true, KNOWN_XPASS },
	{ KTSTR_PASS, DETAIL_KIND_MAX, false, KNOWN_NONE }, { KTSTR_INCONCLUSIVE, DETAIL_HARNESS, true, KNOWN_NONE },
	{ KTSTR_SKIP, DETAIL_SKIP, true, KNOWN_NONE },
};

START_TEST(a_verdict_means_what_is_known)
{
	struct judgement *j = calloc(1, sizeof(*j));
	j->verdict = outcomes[_i].verdict;
	if (outcomes[_i].cause != DETAIL_KIND_MAX)
		judgement_add(j, outcomes[_i].cause, j->verdict, "why");
	ck_assert_int_eq(known_outcome(outcomes[_i].known, j), outcomes[_i].outcome);
	judgement_done(j);
	free(j);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, kernels_are_told_apart, 0, ARRAY_SIZE(kernels));
	tcase_add_test(tc, both_conditions_must_hold);
	tcase_add_loop_test(tc, kernels_that_cannot_be_told_are_refused, 0, ARRAY_SIZE(bad_kernels));
	tcase_add_loop_test(tc, a_verdict_means_what_is_known, 0, ARRAY_SIZE(outcomes));
}

int main(void)
{
	return t_main("known_fail", fill);
}
