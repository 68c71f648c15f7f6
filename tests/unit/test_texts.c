/* SPDX-License-Identifier: GPL-2.0-only */
/* Texts that guests write, from the record to the finding: clean, cut between characters, never without a reason. */
#include <signal.h>
#include <string.h>

#include "base/text.h"
#include "made.h"
#include "t.h"

static void begin(void)
{
	made_begin();
	made_facts.file = "a.c";
	made_facts.line = 7;
}

/* A cause stays UTF-8 wherever it is cut; names and logs are clean whatever the guest wrote. */
START_TEST(texts_of_the_guest_are_clean)
{
	char accents[801];
	for (unsigned i = 0; i < 800; i += 2)
		memcpy(accents + i, "\xc3\xa9", 3);
	for (unsigned shift = 0; shift < 4; shift++) {
		struct wire_test_exit exited = { .status = 3 << 8 };
		struct wire_hello h = { .release = "6.12\x1b[2J" };
		struct wire_phase p = { .kind = WIRE_PHASE_HOLD };
		begin();
		memset(p.name, '\xff', sizeof(p.name)); /* and not terminated */
		made_take(WIRE_HELLO, &h, sizeof(h));
		made_take(WIRE_PHASE, &p, sizeof(p));
		made_load("gr\xfc", 0, 0);
		made_text(WIRE_STREAM_TEST, accents + 2 * shift);
		made_text(WIRE_STREAM_TEST, shift & 1 ? "x\n" : "\n");
		made_take(WIRE_TEST_EXIT, &exited, sizeof(exited));
		t_ok(judge(&made, &made_facts, &made_judgement));
		const char *cause = judgement_cause(&made_judgement)->text;
		ck_assert(strstr(cause, "the test's body (a.c:7) ended the process with status 3, without a result: "
					"\xc3\xa9"));
		ck_assert(text_is_clean(cause, strlen(cause), true));
		ck_assert_str_eq(made.hello.release, "6.12?[2J");
		ck_assert(text_is_clean(made.phase[0].wire.name, strlen(made.phase[0].wire.name), true));
		ck_assert_str_eq(made.cgroup[0].name, "gr\xef\xbf\xbd");
		made_end();
	}
}
END_TEST

START_TEST(characters_may_lie_in_two_records)
{
	begin();
	made_text(WIRE_STREAM_TEST, "price: \xe2\x82");
	made_text(WIRE_STREAM_SCHED, "between\n");
	made_text(WIRE_STREAM_TEST, "\xac 3\n");
	ck_assert_str_eq(buf_str(&made.text[WIRE_STREAM_TEST]), "price: \xe2\x82\xac 3\n");
	made_end();
}
END_TEST

START_TEST(a_silent_body_is_named)
{
	static const struct {
		enum ktstr_verdict v;
		const char *cause;
	} cases[] = {
		{ KTSTR_FAIL, "the test's body (a.c:7) returned KTSTR_FAIL without saying why" },
		{ KTSTR_INCONCLUSIVE, "the test's body (a.c:7) returned KTSTR_INCONCLUSIVE without saying why" },
		{ KTSTR_SKIP, "the test's body (a.c:7) returned KTSTR_SKIP without saying why" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin();
		made_result(cases[i].v);
		made_expect(cases[i].v, cases[i].cause);
	}
	/* A failure that has a reason already gets no second one. */
	struct {
		struct wire_detail head;
		char text[8];
	} said = { .head.verdict = KTSTR_FAIL, .text = "because" };
	begin();
	made_take(WIRE_DETAIL, &said, sizeof(said));
	made_result(KTSTR_FAIL);
	t_ok(judge(&made, &made_facts, &made_judgement));
	ck_assert_uint_eq(made_judgement.details, 1);
	made_end();
}
END_TEST

START_TEST(a_crashing_body_is_named)
{
	struct wire_test_exit crashed = { .status = SIGSEGV };
	struct wire_phase p = { .kind = WIRE_PHASE_HOLD, .name = "hold on" };
	begin();
	made_take(WIRE_TEST_EXIT, &crashed, sizeof(crashed));
	made_expect(KTSTR_FAIL, "the test binary crashed: SIGSEGV, in the test's body (a.c:7)");
	begin();
	made_take(WIRE_PHASE, &p, sizeof(p));
	made_take(WIRE_TEST_EXIT, &crashed, sizeof(crashed));
	made_expect(KTSTR_FAIL, "the test binary crashed: SIGSEGV, in phase 'hold on'");
}
END_TEST

/* 256 findings are kept; if there are more, the gravest ones. */
START_TEST(no_finding_is_lost_to_lesser_ones)
{
	begin();
	for (unsigned i = 0; i < 2 * DETAILS_MAX; i++)
		judgement_add(&made_judgement, DETAIL_HARNESS, KTSTR_INCONCLUSIVE, "unclear %u", i);
	judgement_add(&made_judgement, DETAIL_EXPECTATION, KTSTR_FAIL, "failed");
	ck_assert_uint_eq(made_judgement.details, DETAILS_MAX);
	ck_assert_uint_eq(made_judgement.details_lost, DETAILS_MAX + 1);
	ck_assert_str_eq(made_judgement.detail[DETAILS_MAX - 1].text, "failed");
	made_judgement.verdict = KTSTR_FAIL;
	ck_assert_str_eq(judgement_cause(&made_judgement)->text, "failed");
	made_end();
}
END_TEST

START_TEST(findings_are_bounded)
{
	static char many[100000];
	begin();
	memset(many, 'x', sizeof(many) - 1);
	judgement_add(&made_judgement, DETAIL_EXPECTATION, KTSTR_FAIL, "%s", many);
	ck_assert_uint_eq(strlen(made_judgement.detail[0].text), DETAIL_BYTES_MAX - 1);
	ck_assert(strstr(made_judgement.detail[0].text, "xxx..."));
	made_end();
}
END_TEST

/* A text that arrives in pieces gives the same output as the whole text. */
START_TEST(text_in_pieces_is_the_same_text)
{
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa7\xe2\x82z\xff\xc3\xc3\xa9\n\xf0\x9f";
	const size_t len = sizeof(text) - 1;
	struct buf whole = BUF_NULL, pieces = BUF_NULL;
	text_append(&whole, text, len);
	for (size_t i = 0; i <= len; i++) {
		for (size_t k = i; k <= len; k++) {
			struct text_stream stream = { 0 };
			buf_clear(&pieces);
			text_append_stream(&pieces, &stream, text, i);
			ck_assert(text_is_clean(buf_str(&pieces), pieces.len, false));
			text_append_stream(&pieces, &stream, text + i, k - i);
			text_append_stream(&pieces, &stream, text + k, len - k);
			ck_assert_str_eq(buf_str(&pieces), buf_str(&whole));
		}
	}
	buf_done(&whole);
	buf_done(&pieces);
}
END_TEST

START_TEST(text_fits_columns)
{
	struct buf b = BUF_NULL;
	text_append_columns(&b, "caf\xc3\xa9 au lait", 6, true);
	buf_puts(&b, "|");
	text_append_columns(&b, "\xe6\xbc\xa2\xe5\xad\x97", 3, true); /* two wide characters */
	buf_puts(&b, "|");
	text_append_columns(&b, "ab", 3, false);
	ck_assert_str_eq(buf_str(&b), "caf\xc3\xa9 a|\xe6\xbc\xa2 |ab");
	buf_done(&b);
}
END_TEST

START_TEST(text_fields_are_cleaned_in_place)
{
	char field[8] = { 'a', '\xff', 'b', '\n', 'c', 'd', 'e', 'f' }; /* not terminated, and too long when clean */
	text_clean_field(field, sizeof(field));
	ck_assert_str_eq(field, "a\xef\xbf\xbd"
				"b?c");
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, text_fields_are_cleaned_in_place);
	tcase_add_test(tc, text_fits_columns);
	tcase_add_test(tc, text_in_pieces_is_the_same_text);
	tcase_add_test(tc, texts_of_the_guest_are_clean);
	tcase_add_test(tc, characters_may_lie_in_two_records);
	tcase_add_test(tc, a_silent_body_is_named);
	tcase_add_test(tc, a_crashing_body_is_named);
	tcase_add_test(tc, no_finding_is_lost_to_lesser_ones);
	tcase_add_test(tc, findings_are_bounded);
}

int main(void)
{
	return t_main("texts", fill);
}
