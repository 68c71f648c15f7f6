/* SPDX-License-Identifier: GPL-2.0-only */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/list.h"
#include "base/parse.h"
#include "base/rng.h"
#include "base/test_name.h"
#include "base/text.h"
#include "base/time.h"
#include "t.h"

START_TEST(err_chain_reads_outermost_first)
{
	struct err *err = NULL;
	struct buf out = BUF_NULL;
	t_errno(FAIL_SYS(&err, -ENOENT, "open '%s'", "x"), ENOENT);
	t_errno(err_wrap(&err, -ENOENT, "boot"), ENOENT);
	err_hint(err, "try again");
	err_format(err, &out);
	ck_assert_str_eq(buf_str(&out), "boot: open 'x': No such file or directory; try again");
	ck_assert_int_eq(err_kind_of(err), ERR_MISSING);
	buf_done(&out);
	err_free(err);
}
END_TEST

START_TEST(err_null_wants_only_the_code)
{
	t_errno(FAIL(NULL, ERR_DATA, -EINVAL, "nobody reads this"), EINVAL);
	t_errno(err_wrap(NULL, -EINVAL, "nor this"), EINVAL);
	ck_assert_ptr_null(err_free(NULL));
}
END_TEST

START_TEST(err_kind_is_the_innermost_said)
{
	struct err *err = NULL;
	FAIL(&err, ERR_DATA, -EIO, "inner");
	err_wrap(&err, -EIO, "outer");
	ck_assert_int_eq(err_kind_of(err), ERR_DATA);
	err = err_free(err);
	FAIL_SYS(&err, -ENOSPC, "write");
	ck_assert_int_eq(err_kind_of(err), ERR_BUSY);
	err_free(err);
}
END_TEST

START_TEST(text_from_outside_is_printable_utf8)
{
	static const struct {
		const char *in, *out;
		bool line;
	} cases[] = {
		{ "gr\xfc", "gr\xef\xbf\xbd", true },
		{ "caf\xc3\xa9\n", "caf\xc3\xa9\n", false },
		{ "a\nb\tc\rd", "a?b?c?d", true },
		{ "\xc2\x9b"
		  "31m",
		  "?31m", false }, /* CSI as C1 */
		{ "a\xe2\x80\xae"
		  "b",
		  "a?b", false }, /* right-to-left override */
		{ "\xc3", "\xef\xbf\xbd", false },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false }, /* a surrogate */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *got = cases[i].line ? text_clean_line(cases[i].in) : text_clean(cases[i].in);
		ck_assert_str_eq(got, cases[i].out);
		ck_assert(text_is_clean(got, strlen(got), cases[i].line));
		ck_assert_int_eq(text_is_clean(cases[i].in, strlen(cases[i].in), cases[i].line),
				 strcmp(cases[i].in, cases[i].out) == 0);
	}
}
END_TEST

START_TEST(text_is_cut_between_characters)
{
	char text[] = "a\xc3\xa9\xe2\x82\xac", out[5];
	ck_assert_uint_eq(text_copy_line(out, sizeof(out), text, strlen(text)), 3);
	ck_assert_str_eq(out, "a\xc3\xa9");
	ck_assert_uint_eq(text_cut(text, 5), 3);
	ck_assert_uint_eq(text_cut(text, 2), 1);
	ck_assert_str_eq(text, "a");
}
END_TEST

START_TEST(errors_are_one_printable_line)
{
	struct err *err = NULL;
	struct buf text = BUF_NULL;
	FAIL(&err, ERR_DATA, -EINVAL, "open '%s'", "a\nb\033[2J\xff");
	err_wrap(&err, -EINVAL, "read \x9b");
	err_hint(err, "say '%s'", "\a");
	err_format(err, &text);
	ck_assert_str_eq(buf_str(&text), "read \xef\xbf\xbd: open 'a?b?[2J\xef\xbf\xbd'; say '?'");
	err_free(err);
	buf_done(&text);
}
END_TEST

START_TEST(words_are_quoted_for_a_shell)
{
	static const char *const words[] = { "plain/a.b=c",
					     "plain/a.b=c",
					     "",
					     "''",
					     "it's",
					     "'it'\\''s'",
					     "\xc3\xa9",
					     "'\xc3\xa9'",
					     "a\033'\\\xff\n",
					     "$'a\\033\\'\\\\\\377\\012'" };
	for (size_t i = 0; i < ARRAY_SIZE(words); i += 2) {
		struct buf b = BUF_NULL;
		text_append_quoted(&b, words[i]);
		ck_assert_str_eq(buf_str(&b), words[i + 1]);
		buf_done(&b);
	}
}
END_TEST

START_TEST(text_append_json_repairs_utf8)
{
	struct buf b = BUF_NULL;
	text_append_json(&b, "a\"\\\n\x01\xc3\xa9\xff\xc0\x80", 10);
	ck_assert_str_eq(buf_str(&b), "a\\\"\\\\\\u000a\\u0001\xc3\xa9\\ufffd\\ufffd\\ufffd");
	buf_done(&b);
}
END_TEST

START_TEST(buf_printable_tames_terminals)
{
	struct buf b = BUF_NULL;
	text_append(&b, "a\033[2Jb\r\n\tc\x7f", 11);
	ck_assert_str_eq(buf_str(&b), "a?[2Jb\n\tc?");
	buf_done(&b);
}
END_TEST

START_TEST(buf_limits_are_errors_not_crashes)
{
	struct buf b = BUF_NULL;
	buf_zeros(&b, BUF_BYTES_MAX);
	ck_assert(b.failed);
	buf_puts(&b, "ignored");
	ck_assert_ptr_null(buf_steal(&b));
}
END_TEST

/* Vectors: CRC-32 of "123456789" is the standard check value; SipHash-1-3 by its reference implementation. */
START_TEST(hashes_match_their_references)
{
	ck_assert_uint_eq(crc32_update(0, "123456789", 9), 0xcbf43926);
	ck_assert_uint_eq(crc32_update(crc32_update(0, "1234", 4), "56789", 5), 0xcbf43926);
	struct siphash a, b;
	siphash_init(&a);
	siphash_init(&b);
	siphash_update(&a, "hello, world, in one go", 23);
	for (int i = 0; i < 23; i++)
		siphash_update(&b, &"hello, world, in one go"[i], 1);
	ck_assert_uint_eq(siphash_final(&a), siphash_final(&b));
	siphash_init(&a);
	ck_assert_uint_eq(siphash_final(&a), 0xd1fba762150c532cu);
}
END_TEST

static const struct {
	const char *text;
	int result;
	nsec_t value;
} durations[] = {
	{ "100ms", 0, 100000000 },     { "1.5s", 0, 1500000000 },
	{ "1m30s", 0, 90000000000 },   { "2h", 0, 7200000000000 },
	{ "5", -EINVAL, 0 },	       { "", -EINVAL, 0 },
	{ "5x", -EINVAL, 0 },	       { "-1s", -EINVAL, 0 },
	{ "1.s", -EINVAL, 0 },	       { "99999999999999999999s", -ERANGE, 0 },
	{ "9000000000h", -ERANGE, 0 },
};

START_TEST(durations_name_their_unit)
{
	nsec_t value = 0;
	ck_assert_int_eq(parse_duration(durations[_i].text, &value), durations[_i].result);
	ck_assert_int_eq(value, durations[_i].value);
}
END_TEST

START_TEST(numbers_are_whole_strings)
{
	uint64_t v;
	t_ok(parse_u64("0x10", &v));
	ck_assert_uint_eq(v, 16);
	t_errno(parse_u64("12a", &v), EINVAL);
	t_errno(parse_u64("18446744073709551616", &v), ERANGE);
	t_errno(parse_u64("0x", &v), EINVAL);
}
END_TEST

START_TEST(cpusets_round_trip)
{
	static const char *const same[] = { "", "0", "0-3", "0,2,4-7,63-65", "1023" };
	char text[CPUSET_TEXT_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		struct cpuset_bits set;
		t_ok(cpuset_parse(same[i], &set));
		ck_assert_str_eq(cpuset_format(&set, text, sizeof(text)), same[i]);
	}
	struct cpuset_bits set;
	t_errno(cpuset_parse("3-1", &set), ERANGE);
	t_errno(cpuset_parse("1024", &set), ERANGE);
	t_errno(cpuset_parse("1;2", &set), EINVAL);
	t_errno(cpuset_parse("a", &set), EINVAL);
}
END_TEST

START_TEST(atomic_write_leaves_no_temporary)
{
	char *dir = t_tmpdir();
	char *path = path_join(dir, "file"), *deep = path_join(dir, "a/b/c");
	struct buf b = BUF_NULL;
	t_ok(file_write_atomic(path, "one", 3, 0644, NULL));
	t_ok(file_write_atomic(path, "two", 3, 0644, NULL));
	t_ok(file_read(path, 10, &b, NULL));
	ck_assert_str_eq(buf_str(&b), "two");
	t_errno(file_read(path, 2, &b, NULL), EFBIG);
	t_ok(mkdir_parents(deep, 0755, NULL));
	t_ok(remove_tree(dir, NULL));
	ck_assert(!path_exists(dir));
	t_ok(remove_tree(dir, NULL));
	buf_done(&b);
	free(path);
	free(deep);
	free(dir);
}
END_TEST

START_TEST(remove_tree_follows_no_link)
{
	char *dir = t_tmpdir(), *other = t_tmpdir();
	char *link = path_join(dir, "link"), *kept = path_join(other, "kept");
	t_ok(symlink(other, link));
	t_ok(file_write_atomic(kept, "x", 1, 0644, NULL));
	t_ok(remove_tree(dir, NULL));
	ck_assert(path_exists(kept));
	t_rmdir(other);
	free(link);
	free(kept);
	free(dir);
}
END_TEST

START_TEST(json_values_never_leave_a_hole)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	static const char *const list[] = { "gr\xfc", "b", NULL };
	json_t *o = json_object(), *inner = json_array();
	json_add(&inner, json_number(1.5));
	json_add(&inner, json_number(0.0 / 0.0));
	json_add(&inner, json_number(-1.0 / 0.0));
	json_add(&inner, json_u64(UINT64_MAX));
	json_put(&o, "numbers", inner);
	json_put_text(&o, "text", "caf\xc3\xa9 \x1b[31m\xc3\n");
	json_put_text(&o, "none", NULL);
	json_put_texts(&o, "list", list);
	json_put_texts(&o, "empty", NULL);
	json_print(o, false, &out);
	json_decref(o);
	ck_assert(!out.failed);
	ck_assert_str_eq(buf_str(&out), "{\"empty\":[],\"list\":[\"gr\xef\xbf\xbd\",\"b\"],\"none\":null,"
					"\"numbers\":[1.5,null,null,1.8446744073709552e19],"
					"\"text\":\"caf\xc3\xa9 ?[31m\xef\xbf\xbd\\n\"}\n");
}
END_TEST

/* A value that could not be allocated makes the whole object fail, wherever it stands. */
START_TEST(json_failure_spreads_to_the_whole)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	_cleanup_err_ struct err *err = NULL;
	json_t *o = json_object(), *inner = json_array();
	json_put_text(&o, "a", "kept?");
	json_add(&inner, json_integer(1));
	json_add(&inner, NULL);
	ck_assert_ptr_null(inner);
	json_add(&inner, json_integer(2));
	json_put(&o, "inner", inner);
	ck_assert_ptr_null(o);
	json_put_u64(&o, "b", 7);
	ck_assert_ptr_null(o);
	json_print(o, false, &out);
	ck_assert(out.failed);
	t_errno(json_write_file("/nonexistent/x.json", o, &err), ENOMEM);
	t_err_contains(&err, "write '/nonexistent/x.json'");
}
END_TEST

START_TEST(json_errors_name_file_and_line)
{
	char *dir = t_tmpdir(), *path = path_join(dir, "x.json");
	struct err *err = NULL;
	json_t *v;
	t_ok(file_write_atomic(path, "{\n\"a\": }", 8, 0644, NULL));
	t_errno(json_read_file(path, &v, &err), EBADMSG);
	t_err_contains(&err, "line 2");
	free(path);
	t_rmdir(dir);
}
END_TEST

START_TEST(list_take_empties_the_source)
{
	struct list a, b, n1, n2;
	list_init(&a);
	list_append(&a, &n1);
	list_append(&a, &n2);
	list_take(&b, &a);
	ck_assert(list_empty(&a));
	ck_assert_ptr_eq(list_pop(&b), &n1);
	ck_assert_ptr_eq(list_pop(&b), &n2);
	ck_assert_ptr_null(list_pop(&b));
	list_remove(&n1);
}
END_TEST

START_TEST(rng_below_stays_below)
{
	struct rng r = { 7 };
	uint64_t seen = 0;
	for (int i = 0; i < 1000; i++) {
		uint64_t v = rng_below(&r, 5);
		ck_assert_uint_lt(v, 5);
		seen |= 1u << v;
	}
	ck_assert_uint_eq(seen, 31);
}
END_TEST

START_TEST(edit_distance_counts_edits)
{
	ck_assert_uint_eq(edit_distance("kernel", "kernel"), 0);
	ck_assert_uint_eq(edit_distance("kernal", "kernel"), 1);
	ck_assert_uint_eq(edit_distance("", "abc"), 3);
}
END_TEST

static const struct {
	const char *name, *problem, *file;
} test_names[] = {
	{ "two_cgroups", NULL, "two_cgroups" },
	{ "7.3+rt-b_x", NULL, "7.3+rt-b_x" },
	{ "", "it has no name", "-00000000" },
	{ "a)", "may have only letters", "a_-" },
	{ "a(", "may have only letters", "a_-" },
	{ "$(reboot)", "may have only letters", "__reboot_-" },
	{ "a\\b", "may have only letters", "a_b-" },
	{ "../a/b", "may have only letters", "_._a_b-" },
	{ "trailing ", "may have only letters", "trailing_-" },
	{ "caf\xc3\xa9", "may have only letters", "caf__-" },
	{ "-x", "must begin with a letter", "_x-" },
	{ ".x", "must begin with a letter", "_x-" },
};

START_TEST(names_of_tests_are_safe_everywhere)
{
	char file[TEST_NAME_MAX + 1];
	const char *problem = test_name_problem(test_names[_i].name);
	ck_assert_msg(!problem == !test_names[_i].problem, "%s", problem);
	ck_assert_msg(!problem || strstr(problem, test_names[_i].problem), "%s", problem);
	test_name_for_file(test_names[_i].name, file);
	ck_assert_msg(!strncmp(file, test_names[_i].file, strlen(test_names[_i].file)), "%s", file);
	ck_assert_uint_eq(strlen(file), strlen(test_names[_i].file) + (problem && *test_names[_i].name ? 8 : 0));
}
END_TEST

START_TEST(names_of_tests_fit_into_file_names)
{
	char name[301] = "", file[TEST_NAME_MAX + 1], other[TEST_NAME_MAX + 1];
	memset(name, 'x', TEST_NAME_MAX);
	ck_assert_ptr_null(test_name_problem(name));
	test_name_for_file(name, file);
	ck_assert_str_eq(file, name);
	memset(name, 'x', 300);
	ck_assert(strstr(test_name_problem(name), "more than 200 bytes"));
	test_name_for_file(name, file);
	name[299] = 'y';
	test_name_for_file(name, other);
	ck_assert_uint_eq(strlen(file), TEST_NAME_MAX);
	ck_assert_str_ne(file, other);
}
END_TEST

START_TEST(environment_table_is_whole)
{
	for (size_t i = 0; i < ENV_MAX; i++) {
		const struct environment_variable *v = &environment_variables[i];
		ck_assert_msg(v->name && v->meaning && v->fallback && v->reader, "row %zu", i);
		ck_assert_msg(!i || strcmp(environment_variables[i - 1].name, v->name) < 0, "%s: order", v->name);
	}
}
END_TEST

START_TEST(environment_values_have_rules)
{
	static const struct {
		enum environment_id id;
		const char *value;
		bool is_on, has_value;
	} cases[] = {
		{ ENV_NO_PERF_MODE, NULL, false, false }, { ENV_NO_PERF_MODE, "", false, false },
		{ ENV_NO_PERF_MODE, "0", true, true },	  { ENV_NO_SKIP_MODE, NULL, false, false },
		{ ENV_NO_SKIP_MODE, "", true, false },	  { ENV_VERBOSE, "1", true, true },
		{ ENV_VERBOSE, "yes", false, true },	  { ENV_BACKTRACE, "full", true, true },
		{ ENV_BACKTRACE, "2", false, true },	  { ENV_KERNEL, "", false, false },
		{ ENV_KERNEL, "6.12", true, true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *name = environment_variables[cases[i].id].name;
		_cleanup_free_ char *before = getenv(name) ? strdup(getenv(name)) : NULL;
		cases[i].value ? setenv(name, cases[i].value, 1) : unsetenv(name);
		ck_assert_msg(environment_is_on(cases[i].id) == cases[i].is_on, "%s is on, case %zu", name, i);
		ck_assert_msg(!!environment_get(cases[i].id) == cases[i].has_value, "%s has a value, case %zu", name,
			      i);
		before ? setenv(name, before, 1) : unsetenv(name);
	}
}
END_TEST

START_TEST(environment_names_a_scheduler)
{
	setenv("KTSTR_SCHEDULER_BIN_SCX_MY_SCHED_2", "/x", 1);
	ck_assert_str_eq(environment_get_for(ENV_SCHEDULER_BIN, "scx_my-sched.2"), "/x");
	ck_assert_ptr_null(environment_get_for(ENV_SCHEDULER_BIN, "scx_my"));
	unsetenv("KTSTR_SCHEDULER_BIN_SCX_MY_SCHED_2");
}
END_TEST

static bool is_in(const char *const *list, const char *setting)
{
	for (; *list; list++)
		if (!strcmp(*list, setting))
			return true;
	return false;
}

START_TEST(make_sees_only_harmless_variables)
{
	static const char *const steer[] = {
		"KBUILD_OUTPUT",
		"KCONFIG_CONFIG",
		"ARCH",
		"CROSS_COMPILE",
		"LLVM",
		"O",
		"M",
		"CC",
		"CFLAGS",
		"MAKEFLAGS",
		"KCFLAGS",
		"LC",
		"PATHS",
		"INSTALL_MOD_PATH",
	};
	for (size_t i = 0; i < ARRAY_SIZE(steer); i++)
		setenv(steer[i], "x", 1);
	setenv("CCACHE_DIR", "/c", 1);
	setenv("LC_ALL", "C", 1);
	_cleanup_free_ const char **list = environment_for_make();
	ck_assert_ptr_nonnull(list);
	for (size_t i = 0; i < ARRAY_SIZE(steer); i++) {
		char setting[64];
		snprintf(setting, sizeof(setting), "%s=x", steer[i]);
		ck_assert_msg(!is_in(list, setting), "%s", setting);
		unsetenv(steer[i]);
	}
	ck_assert(is_in(list, "CCACHE_DIR=/c") && is_in(list, "LC_ALL=C"));
	unsetenv("CCACHE_DIR");
	unsetenv("LC_ALL");
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, names_of_tests_are_safe_everywhere, 0, ARRAY_SIZE(test_names));
	tcase_add_test(tc, names_of_tests_fit_into_file_names);
	tcase_add_test(tc, environment_table_is_whole);
	tcase_add_test(tc, environment_values_have_rules);
	tcase_add_test(tc, environment_names_a_scheduler);
	tcase_add_test(tc, make_sees_only_harmless_variables);
	tcase_add_test(tc, err_chain_reads_outermost_first);
	tcase_add_test(tc, err_null_wants_only_the_code);
	tcase_add_test(tc, err_kind_is_the_innermost_said);
	tcase_add_test(tc, text_from_outside_is_printable_utf8);
	tcase_add_test(tc, text_is_cut_between_characters);
	tcase_add_test(tc, text_append_json_repairs_utf8);
	tcase_add_test(tc, errors_are_one_printable_line);
	tcase_add_test(tc, words_are_quoted_for_a_shell);
	tcase_add_test(tc, buf_printable_tames_terminals);
	tcase_add_test(tc, buf_limits_are_errors_not_crashes);
	tcase_add_test(tc, hashes_match_their_references);
	tcase_add_loop_test(tc, durations_name_their_unit, 0, ARRAY_SIZE(durations));
	tcase_add_test(tc, numbers_are_whole_strings);
	tcase_add_test(tc, cpusets_round_trip);
	tcase_add_test(tc, atomic_write_leaves_no_temporary);
	tcase_add_test(tc, remove_tree_follows_no_link);
	tcase_add_test(tc, json_values_never_leave_a_hole);
	tcase_add_test(tc, json_failure_spreads_to_the_whole);
	tcase_add_test(tc, json_errors_name_file_and_line);
	tcase_add_test(tc, list_take_empties_the_source);
	tcase_add_test(tc, rng_below_stays_below);
	tcase_add_test(tc, edit_distance_counts_edits);
}

int main(void)
{
	return t_main("base", fill);
}
