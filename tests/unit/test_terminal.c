/* SPDX-License-Identifier: GPL-2.0-only */
/* Output for people: columns of text, messages, lines drawn in place, closing lists, the time that is left. */
#include <string.h>
#include <unistd.h>

#include "base/message.h"
#include "base/text.h"
#include "report/closing.h"
#include "report/payload_lines.h"
#include "run/eta.h"
#include "t.h"

static const struct {
	const char *text;
	unsigned columns;
} widths[] = {
	{ "", 0 },
	{ "plain", 5 },
	{ "caf\u00e9", 4 },
	{ "cafe\u0301", 4 }, /* a combining accent */
	{ "\u8abf\u5ea6", 4 },
	{ "\u2026\u2192\u2588", 3 }, /* just after the wide ranges' starts, but one column each */
	{ "\U0001f600!", 3 },
};

START_TEST(columns_are_counted)
{
	ck_assert_uint_eq(text_columns(widths[_i].text), widths[_i].columns);
}
END_TEST

static const struct {
	const char *text;
	unsigned columns;
	const char *shown;
} shorts[] = {
	{ "short", 8, "short   " },
	{ "exactly8", 8, "exactly8" },
	{ "nine_long", 8, "nine_lo\u2026" },
	{ "\u8abf\u5ea6\u5668", 4, "\u8abf\u2026 " },
	{ "a", 0, "" },
};

START_TEST(what_is_cut_shows_it)
{
	struct buf out = BUF_NULL;
	text_append_short(&out, shorts[_i].text, shorts[_i].columns);
	ck_assert_str_eq(buf_str(&out), shorts[_i].shown);
	buf_done(&out);
}
END_TEST

static const struct {
	const char *text;
	unsigned columns;
	const char *shown;
} wraps[] = {
	{ "", 20, "  \n" },
	{ "one line", 0, "  one line\n" },
	{ "a cause of more words than fit", 20, "  a cause of more\n  words than fit\n" },
	{ "tid averyveryverylongword x", 20, "  tid\n  averyveryverylongw\n  ord x\n" },
	{ "exactly eighteen c", 20, "  exactly eighteen c\n" },
};

START_TEST(long_text_is_broken_at_spaces)
{
	struct buf out = BUF_NULL;
	text_append_wrapped(&out, wraps[_i].text, wraps[_i].columns, 2);
	ck_assert_str_eq(buf_str(&out), wraps[_i].shown);
	buf_done(&out);
}
END_TEST

START_TEST(messages_have_a_kind_in_its_colour)
{
	const struct term plain = { 0 }, coloured = { .colour = true };
	struct buf out = BUF_NULL;
	const char *text = "error: open 'x': no; make it\nnote: y\nother: error: z\nwarning: w";
	message_append(&out, &plain, text);
	ck_assert_str_eq(buf_str(&out), text);
	buf_clear(&out);
	message_append(&out, &coloured, text);
	ck_assert_str_eq(buf_str(&out), "\033[1;31merror:\033[0m open 'x': no; make it\n\033[1mnote:\033[0m y\n"
					"other: error: z\n\033[33mwarning:\033[0m w");
	buf_done(&out);
}
END_TEST

static const struct {
	const char *no_color, *force;
	bool colour;
} colours[] = {
	{ NULL, NULL, false }, { NULL, "1", true }, { "1", "1", false }, { "", "1", true }, { NULL, "", false }
};

START_TEST(a_pipe_has_colours_only_when_they_are_forced)
{
	int fd[2];
	ck_assert_int_eq(pipe(fd), 0);
	unsetenv("NO_COLOR");
	unsetenv("CLICOLOR_FORCE");
	if (colours[_i].no_color)
		setenv("NO_COLOR", colours[_i].no_color, 1);
	if (colours[_i].force)
		setenv("CLICOLOR_FORCE", colours[_i].force, 1);
	struct term t = term_probe(fd[1]);
	ck_assert(!t.tty && t.colour == colours[_i].colour && t.columns == 80 && t.rows == 24);
	close(fd[0]);
	close(fd[1]);
	unsetenv("NO_COLOR");
	unsetenv("CLICOLOR_FORCE");
}
END_TEST

START_TEST(a_frame_leaves_the_last_row_free)
{
	const struct term t = { .tty = true, .columns = 20, .rows = 3 };
	struct buf lines = BUF_NULL, out = BUF_NULL;
	struct term_frame frame = { 0 };
	buf_puts(&lines, "one\ntwo\nthree\n");
	term_frame_erase(&frame, &out);
	ck_assert_uint_eq(out.len, 0);
	term_frame_draw(&frame, &t, &lines, &out);
	ck_assert(strstr(buf_str(&out), "two") && !strstr(buf_str(&out), "three"));
	buf_clear(&out);
	term_frame_erase(&frame, &out);
	ck_assert_uint_gt(out.len, 0);
	buf_clear(&out);
	term_frame_erase(&frame, &out);
	ck_assert_uint_eq(out.len, 0);
	buf_done(&lines);
	buf_done(&out);
}
END_TEST

/* Four tests of 10 s, two at a time: 20 s; after one took twice as long as expected: 40 s. */
START_TEST(time_left_follows_what_was_seen)
{
	struct eta eta = { 0 };
	struct eta_rest rest = { .at_once = 2 };
	for (int i = 0; i < 4; i++)
		eta_add(&eta, &rest, 10 * NSEC_PER_SEC, 0);
	ck_assert_int_eq(eta_left(&rest), 20 * NSEC_PER_SEC);
	eta_note(&eta, 20 * NSEC_PER_SEC, 10 * NSEC_PER_SEC);
	eta_note(&eta, 99 * NSEC_PER_SEC, 0); /* without an estimate */
	rest = (struct eta_rest){ .at_once = 2 };
	for (int i = 0; i < 4; i++)
		eta_add(&eta, &rest, 10 * NSEC_PER_SEC, 0);
	ck_assert_int_eq(eta_left(&rest), 40 * NSEC_PER_SEC);
	/* A running test has less time left, a late one none; the longest test is a lower bound. */
	rest = (struct eta_rest){ .at_once = 8 };
	eta_add(&eta, &rest, 10 * NSEC_PER_SEC, 5 * NSEC_PER_SEC);
	eta_add(&eta, &rest, 10 * NSEC_PER_SEC, 50 * NSEC_PER_SEC);
	ck_assert_int_eq(eta_left(&rest), 15 * NSEC_PER_SEC);
	/* All are overdue: unknown, not zero. */
	rest = (struct eta_rest){ .at_once = 1 };
	eta_add(&eta, &rest, 10 * NSEC_PER_SEC, 50 * NSEC_PER_SEC);
	ck_assert_int_eq(eta_left(&rest), -1);
}
END_TEST

START_TEST(plurals)
{
	ck_assert_str_eq(plural(0), "s");
	ck_assert_str_eq(plural(1), "");
	ck_assert_str_eq(plural(2), "s");
}
END_TEST

START_TEST(a_pass_needs_no_attention)
{
	const struct term plain = { .columns = 80 };
	struct judgement j = { .verdict = KTSTR_PASS };
	struct result r = { .name = "ktstr/x", .topology = "1n1l1c1t", .replay = "ktstr test", .judgement = &j };
	struct closing closing = { 0 };
	struct buf out = BUF_NULL;
	closing_add(&closing, &r, KTSTR_PASS);
	closing_add(&closing, &r, KTSTR_SKIP);
	closing_render(&closing, 300, &plain, &out);
	ck_assert_uint_eq(out.len, 0);
	j.verdict = KTSTR_FAIL;
	judgement_add(&j, DETAIL_STUCK, KTSTR_FAIL, "stuck");
	for (int i = 0; i < 300; i++)
		closing_add(&closing, &r, KTSTR_FAIL);
	closing_render(&closing, 300, &plain, &out);
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "FAIL  ktstr/x\n      stuck\n      replay: ktstr test\n"));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "  ... and 100 more"));
	/* One test alone: its report is just above. */
	buf_done(&out);
	closing_render(&closing, 1, &plain, &out);
	ck_assert_uint_eq(out.len, 0);
	closing_done(&closing);
	judgement_done(&j);
	buf_done(&out);
}
END_TEST

/* Schedules of a campaign that were cut have no part in its rates; other tests that were cut need attention. */
START_TEST(schedules_that_were_cut_do_not_count)
{
	struct evidence cut = { .interrupted = true }, whole = { 0 };
	struct judgement j = { .verdict = KTSTR_INCONCLUSIVE };
	struct result r = { .name = "ktstr/x@1", .replay = "ktstr test", .judgement = &j, .evidence = &whole };
	struct closing closing = { 0 };
	judgement_add(&j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE, "interrupted");
	closing_add(&closing, &r, KTSTR_INCONCLUSIVE);
	r.evidence = &cut;
	closing_add(&closing, &r, KTSTR_INCONCLUSIVE);
	ck_assert_uint_eq(closing.count, 1);
	ck_assert_uint_eq(closing_test(&closing, "ktstr/x@1")->ended, 1);
	r.name = "ktstr/x";
	closing_add(&closing, &r, KTSTR_INCONCLUSIVE);
	ck_assert_uint_eq(closing.count, 2);
	closing_done(&closing);
	judgement_done(&j);
}
END_TEST

START_TEST(many_metrics_are_cut)
{
	const struct term plain = { .columns = 80 };
	struct wire_payload p[2] = { { .index = 3, .name = "fio", .cgroup = "cg_0", .wall_ns = 1500000000 },
				     { .index = 4, .name = "probe", .verdict = KTSTR_FAIL } };
	struct wire_payload_metric m[12];
	struct buf out = BUF_NULL;
	memset(m, 0, sizeof(m));
	for (unsigned i = 0; i < ARRAY_SIZE(m); i++) {
		m[i].payload = i == 11 ? 4 : 3;
		m[i].value = i;
		snprintf(m[i].name, sizeof(m[i].name), "m%u", i);
	}
	struct evidence e = {
		.payload = p, .payload_count = 2, .payload_metric = m, .payload_metric_count = ARRAY_SIZE(m)
	};
	struct result r = { .evidence = &e };
	strcpy(m[1].unit, "s");
	payload_lines(&r, &plain, &out);
	ck_assert_str_eq(
		buf_str(&out),
		"      payload fio in cg_0: pass, 1.5s: m0=0, m1=1 s, m2=2, m3=3, m4=4, m5=5, m6=6, m7=7 and 3 more\n"
		"      payload probe: fail, 0ms: m11=11\n");
	buf_done(&out);
}
END_TEST

/* Durations of measurements: three significant digits or more. */
START_TEST(measured_durations_are_readable)
{
	static const struct {
		double ns;
		const char *text;
	} cases[] = {
		{ 0, "0 ms" },		 { 1, "0.001 us" },	  { 4999, "5 us" },
		{ 52345, "52.3 us" },	 { 999499, "999 us" },	  { 999500, "1 ms" },
		{ 14610000, "14.6 ms" }, { 149400000, "149 ms" }, { 1520000000.0, "1520 ms" },
		{ 3e9, "3000 ms" },
	};
	char text[TIME_TEXT_MAX];
	ck_assert_str_eq(nsec_measure(cases[_i].ns, text), cases[_i].text);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, measured_durations_are_readable, 0, 10);
	tcase_add_loop_test(tc, columns_are_counted, 0, ARRAY_SIZE(widths));
	tcase_add_loop_test(tc, what_is_cut_shows_it, 0, ARRAY_SIZE(shorts));
	tcase_add_loop_test(tc, long_text_is_broken_at_spaces, 0, ARRAY_SIZE(wraps));
	tcase_add_test(tc, messages_have_a_kind_in_its_colour);
	tcase_add_loop_test(tc, a_pipe_has_colours_only_when_they_are_forced, 0, ARRAY_SIZE(colours));
	tcase_add_test(tc, a_frame_leaves_the_last_row_free);
	tcase_add_test(tc, time_left_follows_what_was_seen);
	tcase_add_test(tc, plurals);
	tcase_add_test(tc, a_pass_needs_no_attention);
	tcase_add_test(tc, schedules_that_were_cut_do_not_count);
	tcase_add_test(tc, many_metrics_are_cut);
}

int main(void)
{
	return t_main("terminal", fill);
}
