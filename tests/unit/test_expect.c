/* SPDX-License-Identifier: GPL-2.0-only */
/* Tests that must fail: the failures that become a pass, and those that stay failures. */
#include <signal.h>

#include "made.h"
#include "t.h"

static void nothing_more(void)
{
}

static void scheduler_ejected(void)
{
	made_sched(WIRE_SCHED_ENABLED, 0);
	made_sched(WIRE_SCHED_EJECTED, 0);
}

static void ejected_and_engine_stopped(void)
{
	scheduler_ejected();
	made_detail(false, "step 1 ('s') failed: the scheduler could not be attached");
	made_load("a", 1, 0);
	made_worker(0, 1500, 0, 0);
}

static void ejected_and_expectation_failed(void)
{
	scheduler_ejected();
	made_detail(true, "one and one make 3");
}

static void expectation_failed(void)
{
	made_detail(true, "one and one make 3");
}

static void body_aborted(void)
{
	made.test_exit.status = SIGABRT;
	made.has_result = false;
}

static void log_damaged(void)
{
	buf_puts(&made.damage, "the guest's event log is damaged");
}

static void kernel_panicked(void)
{
	buf_puts(&made.console, "[    1.6] Kernel panic - not syncing: Fatal exception\n");
}

static void panicked_under_the_scheduler(void)
{
	made_sched(WIRE_SCHED_ENABLED, 0);
	kernel_panicked();
}

static void panicked_by_sysrq(void)
{
	made_sched(WIRE_SCHED_ENABLED, 0);
	buf_puts(&made.console, "sysrq: Trigger a crash\n");
	kernel_panicked();
}

static void records_dropped(void)
{
	made.dropped = 1;
}

static void worker_starved(void)
{
	made_load("a", 1, 0);
	made_worker(0, 900, 500, 1);
}

static void starved_and_expectation_failed(void)
{
	worker_starved();
	made_detail(true, "one and one make 3");
}

static void starved_and_stuck(void)
{
	made_load("a", 1, 0);
	made_worker(0, 3500, 500, 1);
}

static const struct {
	void (*happens)(void);
	enum ktstr_finding finding;
	enum ktstr_verdict result, verdict;
	const char *cause;
} expected[] = {
	{ nothing_more, 0, KTSTR_PASS, KTSTR_FAIL, "was expected to fail, and passed" },
	{ nothing_more, 0, KTSTR_FAIL, KTSTR_FAIL, "returned KTSTR_FAIL without saying why" },
	{ nothing_more, KTSTR_FINDING_STUCK, KTSTR_PASS, KTSTR_FAIL, "was expected to fail, and passed" },
	{ scheduler_ejected, 0, KTSTR_FAIL, KTSTR_PASS, NULL },
	{ scheduler_ejected, KTSTR_FINDING_STARVED, KTSTR_FAIL, KTSTR_FAIL, "disabled by the kernel" },
	{ ejected_and_engine_stopped, 0, KTSTR_FAIL, KTSTR_PASS, NULL },
	{ ejected_and_expectation_failed, 0, KTSTR_FAIL, KTSTR_FAIL, "one and one make 3" },
	{ expectation_failed, 0, KTSTR_FAIL, KTSTR_FAIL, "one and one make 3" },
	{ body_aborted, 0, KTSTR_PASS, KTSTR_FAIL, "the test binary crashed: SIGABRT" },
	{ log_damaged, 0, KTSTR_PASS, KTSTR_FAIL, "event log is damaged" },
	{ kernel_panicked, 0, KTSTR_PASS, KTSTR_FAIL, "kernel panic" },
	{ panicked_under_the_scheduler, 0, KTSTR_PASS, KTSTR_PASS, NULL },
	{ panicked_by_sysrq, 0, KTSTR_PASS, KTSTR_FAIL, "kernel crash by SysRq" },
	{ records_dropped, 0, KTSTR_PASS, KTSTR_INCONCLUSIVE, "did not fit" },
	{ worker_starved, 0, KTSTR_PASS, KTSTR_FAIL, "starved" },
	{ worker_starved, KTSTR_FINDING_STARVED, KTSTR_PASS, KTSTR_PASS, NULL },
	{ worker_starved, KTSTR_FINDING_STARVED, KTSTR_FAIL, KTSTR_FAIL, NULL },
	{ worker_starved, KTSTR_FINDING_UNFAIR, KTSTR_PASS, KTSTR_FAIL, "starved" },
	{ starved_and_expectation_failed, KTSTR_FINDING_STARVED, KTSTR_FAIL, KTSTR_FAIL, "one and one make 3" },
	{ starved_and_stuck, KTSTR_FINDING_STUCK, KTSTR_PASS, KTSTR_PASS, NULL },
};

START_TEST(only_what_is_expected_turns_the_verdict)
{
	made_begin();
	made_facts.expect_err = true;
	made_facts.expect_finding = expected[_i].finding;
	made_result(expected[_i].result);
	expected[_i].happens();
	made_expect(expected[_i].verdict, expected[_i].cause);
}
END_TEST

START_TEST(expected_words_are_asked_for)
{
	for (unsigned i = 0; i < 4; i++) {
		made_begin();
		made_facts.expect_err = true;
		made_facts.expect_contains = i & 1 ? "other words" : "the words";
		made_facts.expect_matches = i & 2 ? "^no [a-z]+$" : "the w.rds";
		made_text(WIRE_STREAM_KMSG, "sched_ext: x disabled (runtime error)\nsched_ext: the words\n");
		made_sched(WIRE_SCHED_EJECTED, 0);
		made_result(KTSTR_FAIL);
		made_expect(i ? KTSTR_FAIL : KTSTR_PASS, NULL);
	}
}
END_TEST

/* A scheduler that must fail, and be seen to fail again. */
START_TEST(a_second_run_must_show_it_again)
{
	static void (*const happens[])(void) = { nothing_more, scheduler_ejected, worker_starved,
						 ejected_and_expectation_failed };
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(happens); i++) {
		bool fails = i / 2 == 1 || i / 2 == 2;
		made_begin();
		made_facts.expect_repro = true;
		made_facts.reproduced = i % 2;
		made_result(KTSTR_PASS);
		happens[i / 2]();
		made_expect(fails && i % 2 ? KTSTR_PASS : KTSTR_FAIL, fails && i % 2 ? NULL
								      : fails	     ? "no second run"
								      : i / 2	     ? "one and one"
									      : "was expected to fail, and did not");
	}
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, only_what_is_expected_turns_the_verdict, 0, ARRAY_SIZE(expected));
	tcase_add_test(tc, expected_words_are_asked_for);
	tcase_add_test(tc, a_second_run_must_show_it_again);
}

int main(void)
{
	return t_main("expect", fill);
}
