/* SPDX-License-Identifier: GPL-2.0-only */
/* Results in the output of programs: numbers in JSON, TAP. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/json_numbers.h"
#include "base/tap.h"
#include "t.h"

static const struct {
	const char *text, *leaves; /* "path=value ..." */
	int result;
} outputs[] = {
	{ "{\"a\":1}", "a=1 ", 1 },
	{ "[1,[2,3],{\"x\":[4]}]", "0=1 1.0=2 1.1=3 2.x.0=4 ", 4 },
	{ "{\"a\":{\"b\":-2.5e-1},\"s\":\"9\",\"t\":true,\"n\":null}", "a.b=-0.25 ", 1 },
	{ "starting {oh}\n[warn] x\n {\"a\" : [ 1 , 2 ] } trailing {\"b\":3}", "a.0=1 a.1=2 ", 2 },
	{ "{\"}\":1,\"a\\\"b\":2,\"\\u00e9\":3}", "}=1 a\"b=2 \\u00e9=3 ", 3 },
	{ "{\"k\":[]} ", "", 0 },
	{ "{}", "", 0 },
	{ "{\"a\":{\"a\":1},\"b\":[{\"a\":2},{\"a\":3}]}", "a.a=1 b.0.a=2 b.1.a=3 ", 3 },
	{ "{\"b\":5,\"b\":500}", "", -ENOTUNIQ },
	{ "{\"b\":5,\"b\":null} {\"b\":5}", "", -ENOTUNIQ },
	{ "[{\"a\":{\"c\":1,\"b\":{\"c\":1},\"c\":[]}}]", "", -ENOTUNIQ },
	{ "{\"big\":1e999,\"a\":1}", "a=1 ", 1 },
	{ "", "", -ENOENT },
	{ "no json here", "", -ENOENT },
	{ "7", "", -ENOENT },
	{ "{\"a\":1,}", "", -EBADMSG },
	{ "{\"a\":1", "", -EBADMSG },
	{ "{\"a\" 1}", "", -EBADMSG },
	{ "[1 2]", "", -EBADMSG },
	{ "[01]", "", -EBADMSG },
	{ "[1}", "", -EBADMSG },
	{ "[\"\\x\"]", "", -EBADMSG },
	{ "{\"a\":1} ", "a=1 ", 1 },
	{ "[tru]", "", -EBADMSG },
	{ "[-]", "", -EBADMSG },
	{ "[1.]", "", -EBADMSG },
};

static bool write_leaf(void *arg, const char *path, double value)
{
	buf_appendf(arg, "%s=%g ", path, value);
	return true;
}

START_TEST(numbers_in_json_output)
{
	_cleanup_buf_ struct buf leaves = BUF_NULL;
	bool truncated;
	const char *text = outputs[_i].text;
	ck_assert_int_eq(json_numbers(text, strlen(text), write_leaf, &leaves, &truncated), outputs[_i].result);
	ck_assert_str_eq(buf_str(&leaves), outputs[_i].leaves);
	ck_assert(truncated == (strstr(text, "1e999") != NULL));
}
END_TEST

static bool three_only(void *arg, const char *path, double value)
{
	(void)path;
	(void)value;
	return ++*(int *)arg <= 3;
}

/* Any depth, length and number of values: the output says what was left out. */
START_TEST(json_numbers_has_limits)
{
	_cleanup_buf_ struct buf text = BUF_NULL, leaves = BUF_NULL;
	bool truncated;
	int count = 0;
	buf_puts(&text, "[5,");
	for (int i = 0; i < 200000; i++)
		buf_puts(&text, "[");
	for (int i = 0; i < 200000; i++)
		buf_puts(&text, "]");
	buf_puts(&text, ",6]");
	ck_assert_int_eq(json_numbers(text.data, text.len, write_leaf, &leaves, &truncated), 2);
	ck_assert_str_eq(buf_str(&leaves), "0=5 2=6 ");
	ck_assert(truncated);
	buf_clear(&text);
	for (int i = 0; i < 100000; i++)
		buf_puts(&text, "[");
	ck_assert_int_eq(json_numbers(text.data, text.len, write_leaf, &leaves, &truncated), -EBADMSG);
	buf_clear(&text);
	buf_puts(&text, "{\"");
	for (int i = 0; i < LEAF_PATH_MAX; i++)
		buf_puts(&text, "k");
	buf_puts(&text, "\":1,\"a\":[1,2,3,4,5]}");
	ck_assert_int_eq(json_numbers(text.data, text.len, three_only, &count, &truncated), 3);
	ck_assert_int_eq(count, 4);
	ck_assert(truncated);
}
END_TEST

static const struct {
	const char *text, *wanted;
	unsigned passed, failed, skipped;
	const char *said;
} taps[] = {
	{ "ok 1 a #\nok 2 b # SKIP not here\nnot ok 3 c # \n", NULL, 1, 1, 1, "c # " },
	{ "ok 1 a #\nok 2 b # SKIP not here\nnot ok 3 c # \n", "b", 0, 0, 1, "b # SKIP not here" },
	{ "ok 1 - a\r\nok 2 - aa\r\n", "a", 1, 0, 0, "" },
	{ "ok 2nd # skip\n# ok 2 b\n ok 3 c\n1..1\n", "2nd", 0, 0, 1, "2nd # skip" },
	{ "okay\nnot okay\nok, go\nOK 1\n1..x\n", NULL, 0, 0, 0, "" },
	{ "ok", NULL, 1, 0, 0, "" },
	{ "ok\r\nnot ok\r\n", NULL, 1, 1, 0, "" },
	{ "not ok", NULL, 0, 1, 0, "" },
	{ "not ok 3\n", NULL, 0, 1, 0, "3" },
	{ "not ok 1 a # TODO later\nok 2 b # todo\n", NULL, 1, 0, 1, "a # TODO later" },
	{ "not ok 1 # TODO\nnot ok 2 # Todos\n", NULL, 0, 1, 1, "# Todos" },
	{ "not ok 1 bug #7 # TODO\nnot ok 2 \\# SKIP", NULL, 0, 1, 1, "\\# SKIP" },
	{ "not ok 1 a # SKIP no", "a", 0, 0, 1, "a # SKIP no" },
	{ "1..0 # SKIP no such CPU\n", NULL, 0, 0, 0, "# SKIP no such CPU" },
	{ "", "a", 0, 0, 0, "" },
};

START_TEST(results_in_tap_output)
{
	struct tap_count c;
	tap_read(taps[_i].text, strlen(taps[_i].text), taps[_i].wanted, &c);
	ck_assert_uint_eq(c.passed, taps[_i].passed);
	ck_assert_uint_eq(c.failed, taps[_i].failed);
	ck_assert_uint_eq(c.skipped, taps[_i].skipped);
	ck_assert_str_eq(c.said, taps[_i].said);
}
END_TEST

START_TEST(plans_in_tap_output)
{
	static const char text[] = "1..3\n 1..9\nok\nBail out!  the disk is full\r\nbail out! again\n1..2";
	struct tap_count c;
	tap_read(text, strlen(text), NULL, &c);
	ck_assert(c.has_plan);
	ck_assert_uint_eq(c.planned, 5);
	ck_assert(c.bailed_out);
	ck_assert_str_eq(c.bail_reason, "the disk is full");
	tap_read("1..99999999999999999999", 23, NULL, &c);
	ck_assert_uint_eq(c.planned, UINT32_MAX);
	tap_read("ok\n", 3, NULL, &c);
	ck_assert(!c.has_plan && !c.bailed_out);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, numbers_in_json_output, 0, ARRAY_SIZE(outputs));
	tcase_add_test(tc, json_numbers_has_limits);
	tcase_add_loop_test(tc, results_in_tap_output, 0, ARRAY_SIZE(taps));
	tcase_add_test(tc, plans_in_tap_output);
}

int main(void)
{
	return t_main("program_output", fill);
}
