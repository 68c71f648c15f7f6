/* SPDX-License-Identifier: GPL-2.0-only */
/* What guests write, from the record to the finding: clean, cut between characters, complete, never without a reason. */
#include <signal.h>
#include <string.h>

#include "base/text.h"
#include "t.h"
#include "verdict/judge.h"

static struct evidence e;
static struct judgement j;
static struct judge_facts facts;

static void begin(void)
{
	e = (struct evidence){ 0 };
	j = (struct judgement){ 0 };
	facts = (struct judge_facts){ .file = "a.c", .line = 7 };
}

static void end(void)
{
	evidence_done(&e);
	judgement_done(&j);
}

static void take(enum wire_type type, const void *payload, size_t len)
{
	t_ok(evidence_take(&e, type, 1000000000, payload, (uint32_t)len, NULL));
}

static void text(enum wire_stream stream, const char *s)
{
	struct {
		struct wire_text head;
		char text[2000];
	} record = { .head.stream = stream };
	snprintf(record.text, sizeof(record.text), "%s", s);
	take(WIRE_TEXT, &record, sizeof(record.head) + strlen(record.text));
}

static void cgroup(const char *name)
{
	struct wire_cgroup g = { 0 };
	snprintf(g.name, sizeof(g.name), "%s", name);
	take(WIRE_CGROUP, &g, sizeof(g));
}

static void result(enum ktstr_verdict v)
{
	struct wire_result r = { .verdict = v };
	struct wire_test_exit x = { 0 };
	struct wire_exit done = { .reason = WIRE_EXIT_DONE };
	take(WIRE_RESULT, &r, sizeof(r));
	take(WIRE_TEST_EXIT, &x, sizeof(x));
	take(WIRE_EXIT, &done, sizeof(done));
}

static void expect(enum ktstr_verdict v, const char *cause)
{
	t_ok(judge(&e, &facts, &j));
	const struct detail *d = judgement_cause(&j);
	ck_assert_msg(j.verdict == v, "%s: %s", verdict_name(j.verdict), d ? d->text : "");
	ck_assert_msg(d && strstr(d->text, cause), "'%s' is not in: %s", cause, d ? d->text : "(none)");
	end();
}

/* Cut wherever it may be, a cause stays UTF-8; names and logs are clean whatever the guest wrote. */
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
		memset(p.name, '\xff', sizeof(p.name));	/* and not terminated */
		take(WIRE_HELLO, &h, sizeof(h));
		take(WIRE_PHASE, &p, sizeof(p));
		cgroup("gr\xfc");
		text(WIRE_STREAM_TEST, accents + 2 * shift);
		text(WIRE_STREAM_TEST, shift & 1 ? "x\n" : "\n");
		take(WIRE_TEST_EXIT, &exited, sizeof(exited));
		t_ok(judge(&e, &facts, &j));
		const char *cause = judgement_cause(&j)->text;
		ck_assert(strstr(cause, "the test's body (a.c:7) ended the process with status 3, without a result: "
					"\xc3\xa9"));
		ck_assert(text_is_clean(cause, strlen(cause), true));
		ck_assert_str_eq(e.hello.release, "6.12?[2J");
		ck_assert(text_is_clean(e.phase[0].wire.name, strlen(e.phase[0].wire.name), true));
		ck_assert_str_eq(e.cgroup[0].name, "gr\xef\xbf\xbd");
		end();
	}
}
END_TEST

START_TEST(characters_may_lie_in_two_records)
{
	begin();
	text(WIRE_STREAM_TEST, "price: \xe2\x82");
	text(WIRE_STREAM_SCHED, "between\n");
	text(WIRE_STREAM_TEST, "\xac 3\n");
	ck_assert_str_eq(buf_str(&e.text[WIRE_STREAM_TEST]), "price: \xe2\x82\xac 3\n");
	end();
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
		result(cases[i].v);
		expect(cases[i].v, cases[i].cause);
	}
	/* One that said why is not named a second time. */
	struct {
		struct wire_detail head;
		char text[8];
	} said = { .head.verdict = KTSTR_FAIL, .text = "because" };
	begin();
	take(WIRE_DETAIL, &said, sizeof(said));
	result(KTSTR_FAIL);
	t_ok(judge(&e, &facts, &j));
	ck_assert_uint_eq(j.details, 1);
	end();
}
END_TEST

START_TEST(a_crashing_body_is_named)
{
	struct wire_test_exit crashed = { .status = SIGSEGV };
	struct wire_phase p = { .kind = WIRE_PHASE_HOLD, .name = "hold on" };
	begin();
	take(WIRE_TEST_EXIT, &crashed, sizeof(crashed));
	expect(KTSTR_FAIL, "the test binary crashed: SIGSEGV, in the test's body (a.c:7)");
	begin();
	take(WIRE_PHASE, &p, sizeof(p));
	take(WIRE_TEST_EXIT, &crashed, sizeof(crashed));
	expect(KTSTR_FAIL, "the test binary crashed: SIGSEGV, in phase 'hold on'");
}
END_TEST

/* 256 findings are kept: of more, the gravest. */
START_TEST(no_finding_is_lost_to_lesser_ones)
{
	begin();
	for (unsigned i = 0; i < 2 * DETAILS_MAX; i++)
		judgement_add(&j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE, "unclear %u", i);
	judgement_add(&j, DETAIL_EXPECTATION, KTSTR_FAIL, "failed");
	ck_assert_uint_eq(j.details, DETAILS_MAX);
	ck_assert_uint_eq(j.details_lost, DETAILS_MAX + 1);
	ck_assert_str_eq(j.detail[DETAILS_MAX - 1].text, "failed");
	j.verdict = KTSTR_FAIL;
	ck_assert_str_eq(judgement_cause(&j)->text, "failed");
	end();
}
END_TEST

START_TEST(findings_are_bounded)
{
	static char many[100000];
	begin();
	memset(many, 'x', sizeof(many) - 1);
	judgement_add(&j, DETAIL_EXPECTATION, KTSTR_FAIL, "%s", many);
	ck_assert_uint_eq(strlen(j.detail[0].text), DETAIL_BYTES_MAX - 1);
	ck_assert(strstr(j.detail[0].text, "xxx..."));
	end();
}
END_TEST

static void fill(TCase *tc)
{
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
