/* SPDX-License-Identifier: GPL-2.0-only */
/* Failures of many schedules are grouped by what they have in common, with the rate of each group. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "report/known_signatures.h"
#include "report/signatures.h"
#include "t.h"

static const struct {
	const char *cause, *signature;
} named[] = {
	{ "tid 46 did not run for 7670 ms, from +2333 ms", "tid N did not run for N s, from +N s" },
	{ "it took 900 us, 4 nsx", "it took N s, N nsx" },
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
	struct closing_test tests[] = { { (char *)"ktstr/a", 20, 0 }, { (char *)"ktstr/b", 7, 0 } };
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

/* Their beginnings are those of others, so they say nothing about how often a schedule fails. */
START_TEST(variations_have_no_part_in_rates)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	const struct term plain = { .fd = -1, .columns = 80 };
	struct closing_item list[] = { item("ktstr/a@1", "tid 4 waits"), item("ktstr/a@1+70:5", "tid 4 waits"),
				       item("ktstr/a@2+9:6", "tid 5 waits") };
	struct closing_test test = { (char *)"ktstr/a", 20, 10 };
	const struct closing c = { .item = list, .count = ARRAY_SIZE(list), .test = &test, .tests = 1 };
	json_auto_t *groups = signatures_json(&c);
	const json_t *first = json_array_get(groups, 0);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "failed")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "schedules")), 20);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "failed_variations")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(first, "variations")), 10);
	signatures_render(&c, &plain, &text);
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "ktstr/a: 1 of 20 schedules (95 %"));
	ck_assert_ptr_nonnull(strstr(buf_str(&text), ", 2 of 10 variations\n"));
}
END_TEST

START_TEST(known_signatures_are_lines)
{
	static const char text[] = "# of last week\n\n  tid N did not run\r\nstall (kworker/1:2[77])\n";
	struct known_signatures known;
	struct err *err = NULL;
	char path[] = "/tmp/ktstr-known-XXXXXX";
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	t_ok(known_signatures_read(path, &known, NULL));
	ck_assert_uint_eq(known.count, 2);
	ck_assert(known_signatures_have(&known, "tid 46 did not run"));
	ck_assert(known_signatures_have(&known, "stall (kworker/0:1[5])"));
	ck_assert(!known_signatures_have(&known, "tid 46 did not run for 5 ms"));
	known_signatures_done(&known);
	unlink(path);
	t_errno(known_signatures_read(path, &known, &err), ENOENT);
	err_free(err);
}
END_TEST

START_TEST(no_failure_has_a_bound)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	const struct term plain = { .fd = -1, .columns = 80 };
	struct closing_test tests[] = { { (char *)"ktstr/a", 400, 0 }, { (char *)"ktstr/b", 300, 0 } };
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
	tcase_add_test(tc, variations_have_no_part_in_rates);
	tcase_add_test(tc, known_signatures_are_lines);
	tcase_add_test(tc, no_failure_has_a_bound);
}

int main(void)
{
	return t_main("signatures", fill);
}
