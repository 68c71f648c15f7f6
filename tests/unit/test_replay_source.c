/* SPDX-License-Identifier: GPL-2.0-only */
/* REPLAY on a command line: results, replay lines and their words. */
#include "base/file.h"
#include "base/text.h"
#include "run/list_json.h"
#include "run/replay_source.h"
#include "run/words.h"
#include "t.h"

/* --- words -------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *text;
	const char *word[4];
} lines[] = {
	{ "", { NULL } },
	{ "  a\tb \n", { "a", "b" } },
	{ "'a b'c \"d e\"", { "a bc", "d e" } },
	{ "X='1 2' '' it\\'s", { "X=1 2", "", "it's" } },
	{ "$'a\\101\\'\\012'", { "aA'\n" } },
	{ "'it'\\''s'", { "it's" } },
};

START_TEST(words_are_split)
{
	char **words;
	t_ok(words_split(lines[_i].text, &words, NULL));
	size_t i = 0;
	for (; lines[_i].word[i]; i++)
		ck_assert_str_eq(words[i], lines[_i].word[i]);
	ck_assert_ptr_null(words[i]);
	strings_free(words);
}
END_TEST

static const char *const words_of_any_bytes[] = { "plain", "", "a b", "it's", "$HOME \"x\"", "\x01\xff\n'\\", "ä ö" };

START_TEST(quoted_words_are_read_again)
{
	_cleanup_buf_ struct buf line = BUF_NULL;
	char **words;
	text_append_quoted(&line, words_of_any_bytes[_i]);
	t_ok(words_split(buf_str(&line), &words, NULL));
	ck_assert_str_eq(words[0], words_of_any_bytes[_i]);
	ck_assert_ptr_null(words[1]);
	strings_free(words);
}
END_TEST

static const char *const open_quotes[] = { "'", "a 'b", "\"", "$'\\", "$'\\'" };

START_TEST(open_quotes_are_refused)
{
	char **words;
	t_errno(words_split(open_quotes[_i], &words, NULL), EINVAL);
}
END_TEST

/* --- sources ------------------------------------------------------------------------------------------------------ */

START_TEST(words_of_a_replay_line)
{
	const char *const line[] = { "KTSTR_VERBOSE=1", "/usr/bin/ktstr", "test", "-E", "test(=a/b)", NULL };
	struct replay_source s;
	t_ok(replay_source_read(line, &s, NULL));
	ck_assert_str_eq(s.environment[0], "KTSTR_VERBOSE=1");
	ck_assert_str_eq(s.words[0], "test");
	ck_assert_str_eq(s.words[2], "test(=a/b)");
	ck_assert_ptr_null(s.words[3]);
	ck_assert_ptr_null(s.result);
	replay_source_done(&s);
}
END_TEST

START_TEST(a_whole_line_may_be_one_word)
{
	const char *const line[] = { "ktstr test -E 'test(=a/b)' --seed 1", NULL };
	struct replay_source s;
	t_ok(replay_source_read(line, &s, NULL));
	ck_assert_str_eq(s.words[0], "test");
	ck_assert_str_eq(s.words[4], "1");
	replay_source_done(&s);
}
END_TEST

START_TEST(a_result_has_a_line_and_points)
{
	char dir[] = "/tmp/ktstr-replay-XXXXXX";
	_cleanup_free_ char *sidecar = NULL, *points = NULL;
	struct replay_source s;
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_gt(asprintf(&sidecar, "%s/a.ktstr.json", dir), 0);
	ck_assert_int_gt(asprintf(&points, "%s/a.perturb.json", dir), 0);
	json_auto_t *o = json_pack("{s:s}", "replay", "X='1 2' ktstr test --perturb seed=7 b");
	t_ok(json_write_file(sidecar, o, NULL));
	const char *const operands[] = { sidecar, NULL };
	t_ok(replay_source_read(operands, &s, NULL));
	ck_assert_str_eq(s.environment[0], "X=1 2");
	ck_assert_str_eq(s.words[2], "seed=7");
	ck_assert_str_eq(s.path, sidecar);
	ck_assert_ptr_null(s.points);
	replay_source_done(&s);
	t_ok(json_write_file(points, o, NULL));
	t_ok(replay_source_read(operands, &s, NULL));
	ck_assert_str_eq(s.points, points);
	replay_source_done(&s);
	unlink(points);
	unlink(sidecar);
	rmdir(dir);
}
END_TEST

static const char *const wrong[][3] = {
	{ NULL },	 { "explore", "-n" }, { "X=1", "ktstr" }, { "ktstr shell x" }, { "/no/such.ktstr.json" },
	{ "/dev/null" },
};

START_TEST(other_operands_are_refused)
{
	struct replay_source s;
	struct err *err = NULL;
	ck_assert_int_lt(replay_source_read(wrong[_i], &s, &err), 0);
	ck_assert_ptr_nonnull(err);
	err_free(err);
}
END_TEST

START_TEST(a_result_of_the_same_test_is_named)
{
	char *dir = t_tmpdir();
	_cleanup_free_ char *wanted = path_join(dir, "one-0123456789abcdef.ktstr.json"),
			    *seeded = path_join(dir, "one-0123456789abcdef-s0000000000000001.ktstr.json"),
			    *other = path_join(dir, "two-0123456789abcdef.ktstr.json");
	const char *const here[] = { wanted, NULL };
	json_auto_t *o = json_object();
	struct replay_source s;
	struct err *err = NULL;
	t_ok(json_write_file(other, o, NULL));
	ck_assert_int_lt(replay_source_read(here, &s, &err), 0);
	t_err_contains(&err, "of a run");
	t_ok(json_write_file(seeded, o, NULL));
	ck_assert_int_lt(replay_source_read(here, &s, &err), 0);
	t_err_contains(&err, seeded);
	t_rmdir(dir);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_result_of_the_same_test_is_named);
	tcase_add_loop_test(tc, words_are_split, 0, ARRAY_SIZE(lines));
	tcase_add_loop_test(tc, quoted_words_are_read_again, 0, ARRAY_SIZE(words_of_any_bytes));
	tcase_add_loop_test(tc, open_quotes_are_refused, 0, ARRAY_SIZE(open_quotes));
	tcase_add_test(tc, words_of_a_replay_line);
	tcase_add_test(tc, a_whole_line_may_be_one_word);
	tcase_add_test(tc, a_result_has_a_line_and_points);
	tcase_add_loop_test(tc, other_operands_are_refused, 0, ARRAY_SIZE(wrong));
}

int main(void)
{
	return t_main("replay_source", fill);
}
