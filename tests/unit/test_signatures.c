/* SPDX-License-Identifier: GPL-2.0-only */
/* Failures of many schedules are grouped by what they have in common, with the rate of each group. */
#include <string.h>

#include "base/json.h"
#include "report/signatures.h"
#include "t.h"

static const struct {
	const char *cause, *signature;
} named[] = {
	{ "tid 46 did not run for 7670 ms, from +2333 ms", "tid N did not run for N ms, from +N ms" },
	{ "runnable task stall (kworker/1:2[77] failed (x) to run)", "runnable task stall" },
	{ "stall (open", "stall" },
	{ "at 0xffff81ab, 3.5 times\nmore", "at N, N times" },
	{ "", "" },
	{ "(all)", "" },
};

START_TEST(numbers_and_tasks_are_left_out)
{
	char out[SIGNATURE_MAX];
	ck_assert_str_eq(signature_of(named[_i].cause, out), named[_i].signature);
}
END_TEST

START_TEST(long_text_is_cut)
{
	char text[5000], out[SIGNATURE_MAX];
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_uint_lt(strlen(signature_of(text, out)), SIGNATURE_MAX);
}
END_TEST

/* Wilson's interval by hand, with z = 1.959964; without any, 3/n. */
static const struct {
	unsigned k, n;
	double low, high;
} rates[] = {
	{ 1, 10, 0.0178762, 0.4041500 },
	{ 5, 10, 0.2365931, 0.7634069 },
	{ 21, 30, 0.5212421, 0.8333525 },
	{ 10, 10, 0.7224672, 1 },
	{ 0, 100, 0, 0.03 },
	{ 0, 2, 0, 1 },
};

START_TEST(rates_have_intervals)
{
	double low, high;
	rate_interval(rates[_i].k, rates[_i].n, &low, &high);
	ck_assert_double_eq_tol(low, rates[_i].low, 1e-4);
	ck_assert_double_eq_tol(high, rates[_i].high, 1e-4);
}
END_TEST

static struct closing_item item(const char *name, const char *cause)
{
	return (struct closing_item){ .kind = { .verdict = KTSTR_FAIL },
				      .name = (char *)name,
				      .cause = (char *)cause,
				      .replay = (char *)"ktstr test" };
}

START_TEST(groups_are_by_test_and_cause)
{
	struct closing_item list[] = { item("ktstr/a@1", "tid 4 waits"), item("ktstr/a@2", "scheduler ended"),
				       item("ktstr/b@1", "tid 4 waits"), item("ktstr/a@9", "tid 77 waits") };
	struct closing_test tests[] = { { (char *)"ktstr/a", 20 }, { (char *)"ktstr/b", 7 } };
	const struct closing c = { .item = list, .count = ARRAY_SIZE(list), .test = tests, .tests = 2 };
	json_auto_t *groups = signatures_json(&c);
	const json_t *first = json_array_get(groups, 0);
	ck_assert_uint_eq(json_array_size(groups), 3);
	ck_assert_str_eq(json_string_value(json_object_get(first, "test")), "ktstr/a");
	ck_assert_str_eq(json_string_value(json_object_get(first, "signature")), "tid N waits");
	ck_assert_str_eq(json_string_value(json_object_get(first, "cause")), "tid 4 waits");
	ck_assert_int_eq(json_integer_value(json_object_get(first, "failed")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "schedules")), 20);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(groups, 2), "schedules")) +
				 json_integer_value(json_object_get(json_array_get(groups, 1), "schedules")),
			 27);
}
END_TEST

START_TEST(no_failure_has_a_bound)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	const struct term plain = { .fd = -1, .columns = 80 };
	struct closing_test tests[] = { { (char *)"ktstr/a", 400 }, { (char *)"ktstr/b", 300 } };
	signatures_render(&(struct closing){ 0 }, &plain, &text);
	ck_assert_uint_eq(text.len, 0); /* nothing has run */
	signatures_render(&(struct closing){ .test = tests, .tests = 2 }, &plain, &text);
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "no failure in 300 schedules of each test"));
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "below 1 %"));
	tests[1].ended = 3;
	signatures_render(&(struct closing){ .test = tests, .tests = 2 }, &plain, &text);
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "below 100 %"));
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, numbers_and_tasks_are_left_out, 0, ARRAY_SIZE(named));
	tcase_add_test(tc, long_text_is_cut);
	tcase_add_loop_test(tc, rates_have_intervals, 0, ARRAY_SIZE(rates));
	tcase_add_test(tc, groups_are_by_test_and_cause);
	tcase_add_test(tc, no_failure_has_a_bound);
}

int main(void)
{
	return t_main("signatures", fill);
}
