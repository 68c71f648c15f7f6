/* SPDX-License-Identifier: GPL-2.0-only */
/* A pass needs all records that a guest sends at its end; lateness counts against a guest only if it got CPU time. */
#include <signal.h>

#include "t.h"
#include "verdict/judge.h"

static struct evidence e;
static struct judgement j;
static const struct judge_facts facts = { 0 };

static void take(enum wire_type type, const void *payload, size_t len)
{
	t_ok(evidence_take(&e, type, 1000000000, payload, (uint32_t)len, NULL));
}

static void said_hello(void)
{
	static const struct wire_hello hello = { .cpus = 1 };
	e = (struct evidence){ 0 };
	take(WIRE_HELLO, &hello, sizeof(hello));
}

static void said_result(enum ktstr_verdict v, uint32_t workers)
{
	struct wire_result r = { .verdict = v, .workers = workers };
	take(WIRE_RESULT, &r, sizeof(r));
}

static void said_test_exit(int status)
{
	struct wire_test_exit x = { .status = status };
	take(WIRE_TEST_EXIT, &x, sizeof(x));
}

static void said_exit(enum wire_exit_reason reason)
{
	struct wire_exit x = { .reason = reason };
	take(WIRE_EXIT, &x, sizeof(x));
}

static void expect(enum ktstr_verdict v, const char *cause)
{
	t_ok(judge(&e, &facts, &j));
	const struct detail *d = judgement_cause(&j);
	ck_assert_msg(j.verdict == v, "%s: %s", verdict_name(j.verdict), d ? d->text : "");
	if (cause)
		ck_assert_msg(d && strstr(d->text, cause), "'%s' is not in: %s", cause, d ? d->text : "(none)");
	evidence_done(&e);
	judgement_done(&j);
}

START_TEST(the_whole_protocol_passes)
{
	said_hello();
	said_result(KTSTR_PASS, 0);
	said_test_exit(0);
	said_exit(WIRE_EXIT_DONE);
	expect(KTSTR_PASS, NULL);
}
END_TEST

START_TEST(a_machine_that_was_switched_off_does_not_pass)
{
	said_hello();
	said_result(KTSTR_PASS, 0);
	expect(KTSTR_FAIL, "ended while the test's process ran");
	said_hello();
	said_result(KTSTR_PASS, 0);
	said_exit(WIRE_EXIT_DONE);
	expect(KTSTR_FAIL, "ended while the test's process ran");
	said_hello();
	said_result(KTSTR_PASS, 0);
	said_test_exit(0);
	expect(KTSTR_FAIL, "before PID 1 ended it");
	said_hello();
	said_result(KTSTR_SKIP, 0);
	expect(KTSTR_FAIL, "ended while the test's process ran");
}
END_TEST

START_TEST(an_end_that_has_another_cause_is_told_by_that)
{
	said_hello();
	said_result(KTSTR_PASS, 0);
	e.machine_died = true;
	e.machine_status = SIGKILL;
	expect(KTSTR_INCONCLUSIVE, "was killed by SIGKILL");
	said_hello();
	said_result(KTSTR_PASS, 0);
	e.dropped = 3;
	expect(KTSTR_INCONCLUSIVE, "did not fit");
}
END_TEST

START_TEST(a_status_after_the_result_counts)
{
	said_hello();
	said_result(KTSTR_PASS, 0);
	said_test_exit(3 << 8);
	said_exit(WIRE_EXIT_DONE);
	expect(KTSTR_FAIL, "exited with status 3 after it had told its result");
	said_hello();
	said_result(KTSTR_PASS, 0);
	said_test_exit(SIGABRT);
	said_exit(WIRE_EXIT_DONE);
	expect(KTSTR_FAIL, "crashed: SIGABRT");
}
END_TEST

/* ktstr itself ends what runs when the user interrupts it. A crash before that is one. */
START_TEST(a_test_that_an_interrupt_ended_did_not_crash)
{
	said_hello();
	said_test_exit(SIGKILL);
	e.interrupted = true;
	expect(KTSTR_INCONCLUSIVE, "interrupted");
	said_hello();
	said_test_exit(SIGSEGV);
	e.interrupted = true;
	expect(KTSTR_FAIL, "crashed: SIGSEGV");
}
END_TEST

START_TEST(workers_without_telemetry_are_missed)
{
	said_hello();
	said_result(KTSTR_PASS, 2);
	said_test_exit(0);
	said_exit(WIRE_EXIT_DONE);
	expect(KTSTR_INCONCLUSIVE, "reported 2 workers, but telemetry came from 0");
}
END_TEST

/* The first record counts: a later PASS does not undo a FAIL. */
START_TEST(nobody_has_two_last_words)
{
	struct wire_result better = { .verdict = KTSTR_PASS };
	struct wire_test_exit exit0 = { 0 };
	struct wire_exit over = { .reason = WIRE_EXIT_DONE };
	said_hello();
	said_result(KTSTR_FAIL, 0);
	t_errno(evidence_take(&e, WIRE_RESULT, 2, &better, sizeof(better), NULL), EEXIST);
	said_test_exit(SIGSEGV);
	t_errno(evidence_take(&e, WIRE_TEST_EXIT, 2, &exit0, sizeof(exit0), NULL), EEXIST);
	said_exit(WIRE_EXIT_DONE);
	t_errno(evidence_take(&e, WIRE_EXIT, 2, &over, sizeof(over), NULL), EEXIST);
	expect(KTSTR_FAIL, "crashed: SIGSEGV");
}
END_TEST

/* @granted of @after seconds the host let the machine run; it used @cpu seconds of a CPU. The limit is 200 s. */
static void late(nsec_t after, nsec_t granted, nsec_t cpu)
{
	said_hello();
	strcpy(e.late_in, "running");
	e.late_limit = 200 * NSEC_PER_SEC;
	e.late_after = after * NSEC_PER_SEC;
	e.late_granted = granted * NSEC_PER_SEC;
	e.late_cpu = cpu * NSEC_PER_SEC;
	e.late_known = e.late_waits_known = true;
}

START_TEST(only_a_guest_that_ran_hangs)
{
	late(200, 200, 199);
	expect(KTSTR_FAIL, "the guest hangs in ");
	late(1000, 200, 190);
	expect(KTSTR_FAIL, "the guest hangs in ");
	late(200, 200, 2);
	expect(KTSTR_FAIL, "the guest hangs: its CPUs are idle in ");
	late(200, 0, 0);
	e.late_known = false;
	expect(KTSTR_FAIL, "the guest hangs in ");
	late(2000, 29, 29);
	expect(KTSTR_INCONCLUSIVE, "got 29.0s of CPU time in 2000s on the host, where its limit is 200s");
	late(200, 200, 150);
	e.late_stopped = true;
	expect(KTSTR_INCONCLUSIVE, "it was stopped by a signal");
	late(200, 200, 2);
	e.late_waits_known = false;
	expect(KTSTR_INCONCLUSIVE, "the host was too busy");
}
END_TEST

START_TEST(a_scheduler_that_does_not_attach_is_told_its_limit)
{
	struct judge_facts with = { .has_scheduler = true, .scheduler = "slow" };
	struct wire_sched s = { .event = WIRE_SCHED_NOT_ATTACHED, .limit_s = 45 };
	said_hello();
	take(WIRE_SCHED, &s, sizeof(s));
	t_ok(judge(&e, &with, &j));
	ck_assert_ptr_nonnull(
		strstr(judgement_cause(&j)->text, "scheduler 'slow' runs but never attached in 45 s of guest time"));
	evidence_done(&e);
	judgement_done(&j);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, the_whole_protocol_passes);
	tcase_add_test(tc, a_machine_that_was_switched_off_does_not_pass);
	tcase_add_test(tc, an_end_that_has_another_cause_is_told_by_that);
	tcase_add_test(tc, a_status_after_the_result_counts);
	tcase_add_test(tc, a_test_that_an_interrupt_ended_did_not_crash);
	tcase_add_test(tc, workers_without_telemetry_are_missed);
	tcase_add_test(tc, nobody_has_two_last_words);
	tcase_add_test(tc, only_a_guest_that_ran_hangs);
	tcase_add_test(tc, a_scheduler_that_does_not_attach_is_told_its_limit);
}

int main(void)
{
	return t_main("protocol", fill);
}
