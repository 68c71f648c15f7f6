/* SPDX-License-Identifier: GPL-2.0-only */
/* Evidence in, verdict out. */
#include <signal.h>
#include <string.h>

#include "made.h"
#include "t.h"
#include "verdict/cause.h"

START_TEST(good_evidence_passes)
{
	made_begin();
	made_load("a", 2, 0);
	made_worker(100, 10, 500, 1);
	made_worker(100, 10, 510, 2);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_PASS, NULL);
}
END_TEST

START_TEST(nothing_is_not_a_pass)
{
	made_begin();
	made_expect(KTSTR_FAIL, "no test result received");
}
END_TEST

START_TEST(missing_telemetry_is_inconclusive)
{
	made_begin();
	made_load("a", 2, 0);
	made_worker(5, 1, 500, 1);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_INCONCLUSIVE, "1 of 2 workers sent no telemetry");
}
END_TEST

START_TEST(dropped_records_are_inconclusive)
{
	made_begin();
	made_result(KTSTR_PASS);
	made.dropped = 3;
	made_expect(KTSTR_INCONCLUSIVE, "3 records did not fit");
}
END_TEST

/* Numbers that nobody looked for are not there. */
START_TEST(output_that_no_model_read_is_inconclusive)
{
	const struct wire_payload p = { .index = 0, .end = WIRE_PAYLOAD_EXITED, .name = "bench" };
	const struct {
		struct wire_payload_text head;
		char text[8];
	} output = { .head = { .stream = WIRE_METRIC_STDOUT }, .text = "ops = 7" };
	for (int read = 0; read < 2; read++) {
		made_begin();
		made_take(WIRE_PAYLOAD, &p, sizeof(p));
		made_take(WIRE_PAYLOAD_TEXT, &output, sizeof(output));
		made_result(KTSTR_PASS);
		made.outputs_read = read;
		made_expect(read ? KTSTR_PASS : KTSTR_INCONCLUSIVE,
			    read ? NULL : "the output of payload 'bench' was not read");
	}
}
END_TEST

START_TEST(a_machine_killed_from_outside_says_nothing_of_the_scheduler)
{
	made_begin();
	made.machine_died = true;
	made.machine_status = SIGKILL;
	made_expect(KTSTR_INCONCLUSIVE, "the virtual machine's process was killed by SIGKILL");
}
END_TEST

START_TEST(failure_outranks_inconclusive_outranks_pass)
{
	made_begin();
	made_load("a", 2, 0);
	made_worker(0, 1, 500, 1);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL, "starved");
}
END_TEST

START_TEST(schedulers_that_do_not_come_up)
{
	made_begin();
	made_sched(WIRE_SCHED_UNSUPPORTED, 0);
	made_expect(KTSTR_SKIP, "has no sched_ext");
	made_begin();
	made_text(WIRE_STREAM_SCHED, "bad flag\n");
	made_sched(WIRE_SCHED_LOAD_FAILED, 3 << 8);
	made_expect(KTSTR_FAIL, "scheduler 'sched' exited at load with status 3: bad flag");
	made_begin(); /* the error, not the help that follows it */
	made_text(WIRE_STREAM_SCHED,
		  "sched: invalid option -- '-'\nUsage: sched [-h]\n  -h  Display this help and exit\n");
	made_sched(WIRE_SCHED_LOAD_FAILED, 1 << 8);
	made_expect(KTSTR_FAIL, "exited at load with status 1: sched: invalid option -- '-'");
	made_begin();
	made_sched(WIRE_SCHED_LOAD_FAILED, 0);
	made_expect(KTSTR_FAIL, "exited at load with status 0: it ended before it attached, and printed nothing");
	made_begin();
	made_sched(WIRE_SCHED_LOAD_FAILED, SIGSEGV);
	made_expect(KTSTR_FAIL, "was killed by SIGSEGV before it attached");
	made_begin();
	made_sched(WIRE_SCHED_NOT_ATTACHED, 0);
	made_expect(KTSTR_FAIL, "never attached");
}
END_TEST

START_TEST(a_scheduler_of_the_kernel_that_cannot_be_enabled)
{
	made_begin();
	made_text(WIRE_STREAM_INIT, "'echo 1 > /a': No such file or directory\n");
	made_sched(WIRE_SCHED_NOT_ENABLED, 0);
	made_expect(KTSTR_FAIL, "could not be enabled (kernel_builtin_enable): 'echo 1 > /a': No such file");
}
END_TEST

/* What happens in seconds 0 to 9: E enabled, D detached, X died, B a step begins, H holds, S it ends. */
static const struct {
	const char *course;
	enum ktstr_verdict verdict;
	const char *why;
} storms[] = {
	{ "EBHS", KTSTR_PASS, NULL },
	{ "EBDEHS", KTSTR_PASS, NULL },
	{ "EBHSDEBHS", KTSTR_PASS, NULL },
	{ "EBH", KTSTR_PASS, NULL },
	{ "EBDHS", KTSTR_FAIL, "survives_storm: the scheduler was not attached 0.0s after the hold of step 's' began" },
	{ "EBHDES", KTSTR_FAIL, "was not attached 1.0s after the hold" },
	{ "EBHSBHED", KTSTR_FAIL, "was not attached 2.0s after the hold" },
	{ "EBHX", KTSTR_FAIL, "scheduler process died unexpectedly" },
	{ "EBS", KTSTR_INCONCLUSIVE, "survives_storm: the test has no hold" },
	{ "E", KTSTR_INCONCLUSIVE, "survives_storm: the test has no hold" },
};

static void made_event(char what, uint64_t second)
{
	static const char letters[] = "EDXBHS";
	static const uint32_t values[] = { WIRE_SCHED_ENABLED,	  WIRE_SCHED_DETACHED, WIRE_SCHED_DIED,
					   WIRE_PHASE_STEP_START, WIRE_PHASE_HOLD,     WIRE_PHASE_STEP_END };
	size_t which = (size_t)(strchr(letters, what) - letters);
	struct wire_sched sched = { .event = values[which] };
	struct wire_phase phase = { .kind = values[which], .name = "s" };
	bool is_phase = which > 2;
	t_ok(evidence_take(&made, is_phase ? WIRE_PHASE : WIRE_SCHED, second * 1000000000,
			   is_phase ? (void *)&phase : (void *)&sched, is_phase ? sizeof(phase) : sizeof(sched), NULL));
}

START_TEST(a_storm_is_survived_in_every_hold)
{
	made_begin();
	made_facts.survives_storm = true;
	for (uint64_t i = 0; storms[_i].course[i]; i++)
		made_event(storms[_i].course[i], i);
	made_result(KTSTR_PASS);
	made_expect(storms[_i].verdict, storms[_i].why);
}
END_TEST

START_TEST(a_machine_that_ends_slowly_is_over_its_budget)
{
	static const struct {
		nsec_t budget, took;
		bool good;
	} rows[] = { { 0, 9 * NSEC_PER_SEC, true },
		     { 5 * NSEC_PER_MSEC, 0, true },
		     { 5 * NSEC_PER_MSEC, 5 * NSEC_PER_MSEC, true },
		     { 5 * NSEC_PER_MSEC, 7 * NSEC_PER_MSEC, false } };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		made_begin();
		made_facts.cleanup_budget = rows[i].budget;
		made.cleanup = rows[i].took;
		made_result(KTSTR_PASS);
		made_expect(rows[i].good ? KTSTR_PASS : KTSTR_FAIL,
			    rows[i].good ? NULL : "took 7 ms to end after the test, and cleanup_budget_ms is 5");
	}
}
END_TEST

START_TEST(schedulers_that_do_not_stay)
{
	made_begin();
	made_sched(WIRE_SCHED_ENABLED, 0);
	made_text(WIRE_STREAM_KMSG, "sched_ext: BPF scheduler \"x\" disabled (runnable task stall)\n"
				    "sched_ext: x: test[44] failed to run for 30s\n");
	made_sched(WIRE_SCHED_EJECTED, 0);
	made_result(KTSTR_FAIL);
	made_expect(KTSTR_FAIL,
		    "disabled by the kernel 0.0s after it attached: (runnable task stall) x: test[44] failed");
	made_begin();
	made_sched(WIRE_SCHED_ENABLED, 0);
	made_sched(WIRE_SCHED_DIED, SIGABRT);
	made_result(KTSTR_FAIL);
	made_expect(KTSTR_FAIL,
		    "scheduler process died unexpectedly 0.0s after it attached: 'sched' was killed by SIGABRT");
}
END_TEST

/* A scheduler may die by the signal that asks it to stop, or by the one that forces it. */
START_TEST(schedulers_that_do_not_stop_well)
{
	static const struct {
		enum wire_sched_event event;
		int status;
		bool good;
	} rows[] = {
		{ WIRE_SCHED_STOPPED, 0, true },
		{ WIRE_SCHED_STOPPED, SIGINT, true },
		{ WIRE_SCHED_STOPPED, SIGTERM, true },
		{ WIRE_SCHED_STOPPED, SIGKILL, true },
		{ WIRE_SCHED_STOPPED, 1 << 8, true },
		{ WIRE_SCHED_STOPPED, SIGABRT, false },
		{ WIRE_SCHED_STOPPED, SIGSEGV | 0x80, false },
		{ WIRE_SCHED_DETACHED, SIGABRT, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		made_begin();
		made_sched(WIRE_SCHED_ENABLED, 0);
		made_sched(rows[i].event, rows[i].status);
		made_sched(WIRE_SCHED_ENABLED, 0); /* once more, without fault */
		made_sched(WIRE_SCHED_STOPPED, 0);
		made_result(KTSTR_PASS);
		made_expect(rows[i].good ? KTSTR_PASS : KTSTR_FAIL, rows[i].good ? NULL : "when it was told to stop");
	}
}
END_TEST

START_TEST(a_sysctl_that_cannot_be_set_fails_the_test)
{
	struct wire_exit exit = { .reason = WIRE_EXIT_SYSCTL, .status = -2 };
	made_begin();
	made_facts.expect_err = true; /* a different end from the expected one */
	made_text(WIRE_STREAM_INIT, "sysctl kernel.x=1: this kernel has no such sysctl\n");
	made_take(WIRE_EXIT, &exit, sizeof(exit));
	made_expect(KTSTR_FAIL, "so the test did not begin: sysctl kernel.x=1: this kernel has no such sysctl");
}
END_TEST

START_TEST(kernel_crashes_are_named)
{
	made_begin();
	buf_puts(&made.console, "[    1.5] BUG: kernel NULL pointer dereference, address: 0\n[    1.6] Kernel panic - "
				"not syncing: Fatal exception\n");
	made.machine_reset = true;
	made_expect(KTSTR_FAIL, "kernel oops: BUG: kernel NULL pointer dereference, address: 0");
}
END_TEST

START_TEST(resets_are_named)
{
	static const struct {
		const char *console, *cause;
	} rows[] = {
		{ "[    2.3] reboot: Power down\n", "the machine was switched off: reboot: Power down" },
		{ "[    2.3] reboot: Restarting system\n", "called reboot(2), and the machine was restarted" },
		{ "[    2.3] reboot: System halted\n", "called reboot(2), and the machine was halted" },
		{ "[    2.3] Kernel panic - not syncing: x\n[    2.4] reboot: Power down\n", "kernel panic" },
		{ "Linux\n", "the guest's processor was reset, and the console does not say why" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		made_begin();
		buf_puts(&made.console, rows[i].console);
		made.machine_reset = true;
		made_expect(KTSTR_FAIL, rows[i].cause);
	}
	made_begin();
	buf_puts(&made.console, "[    2.3] reboot: Power down\n"); /* PID 1 ends machines like this */
	made_result(KTSTR_PASS);
	made_expect(KTSTR_PASS, NULL);
}
END_TEST

/* The first expectation that failed is the cause, however many follow. */
START_TEST(expectations_without_end)
{
	made_begin();
	made_detail(true, "no 0");
	for (unsigned i = 1; i < EVIDENCE_ITEMS_MAX + 10; i++)
		made_detail(true, "again");
	made_result(KTSTR_FAIL);
	ck_assert_uint_eq(made.damage.len, 0);
	ck_assert_uint_eq(made.details_lost, 10);
	made_expect(KTSTR_FAIL, "no 0");
	struct wire_detail skip = { .verdict = KTSTR_SKIP }; /* these cannot hide a failure that follows them */
	made_begin();
	for (unsigned i = 0; i < EVIDENCE_ITEMS_MAX; i++)
		made_take(WIRE_DETAIL, &skip, sizeof(skip));
	made_detail(true, "lost");
	made_take(WIRE_DETAIL, &skip, sizeof(skip));
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL, "the test reported 2 more failures or remarks; only the first 4096 are kept");
}
END_TEST

START_TEST(lateness_says_where)
{
	made_begin();
	struct wire_hello hello = { .cpus = 1 };
	struct wire_phase phase = { .kind = WIRE_PHASE_HOLD, .name = "crowd" };
	made_take(WIRE_HELLO, &hello, sizeof(hello));
	made_take(WIRE_PHASE, &phase, sizeof(phase));
	snprintf(made.late_in, sizeof(made.late_in), "running");
	buf_puts(&made.diagnosis, "CPU#0\nRIP=ffffffff81000042 RFL=1\n");
	made_expect(KTSTR_FAIL,
		    "the guest hangs in crowd (attempt state running; guest time 1.0s, CPU 0 at RIP=ffffffff81000042)");
}
END_TEST

START_TEST(records_of_the_wrong_size_are_refused)
{
	struct err *err = NULL;
	made_begin();
	char junk[1024] = "";
	t_errno(evidence_take(&made, WIRE_HELLO, 0, junk, 3, &err), EBADMSG);
	t_err_contains(&err, "(hello) is not valid");
	t_errno(evidence_take(&made, WIRE_WORKER, 0, junk, sizeof(struct wire_worker), NULL), EBADMSG);
	ck_assert_uint_eq(made.worker_count, 0);
	struct wire_result lie = { .verdict = 77 };
	t_errno(evidence_take(&made, WIRE_RESULT, 0, &lie, sizeof(lie), NULL), EBADMSG);
	ck_assert(!made.has_result);
	struct wire_samples samples = { .worker = 0, .count = 1000000 };
	t_errno(evidence_take(&made, WIRE_SAMPLES, 0, &samples, sizeof(samples), NULL), EBADMSG);
	struct wire_text t = { .stream = 99 };
	t_errno(evidence_take(&made, WIRE_TEXT, 0, &t, sizeof(t), NULL), EBADMSG);
	made_end();
}
END_TEST

START_TEST(statistics_follow_their_formulas)
{
	made_begin();
	made_load("a", 1, 0);
	made_worker(4, 1, 500, 3);
	struct {
		struct wire_samples head;
		uint32_t ns[4];
	} s = { .head = { .worker = 0, .count = 4 }, .ns = { 4000, 1000, 3000, 2000 } };
	made_take(WIRE_SAMPLES, &s, sizeof(s));
	struct scenario_stats stats;
	t_ok(stats_compute(&made, &stats));
	/* p99 = sorted[ceil(4 * .99) - 1], median = sorted[4 / 2] */
	ck_assert_double_eq(stats.cgroup[0].p99_wake_us, 4.0);
	ck_assert_double_eq(stats.cgroup[0].median_wake_us, 3.0);
	ck_assert_double_eq_tol(stats.cgroup[0].wake_cv, 0.4472, 0.001);
	ck_assert_double_eq(stats.cgroup[0].avg_off_cpu_pct, 50.0);
	ck_assert_uint_eq(stats.cgroup[0].cpus, 2);
	stats_done(&stats);
	made_end();
}
END_TEST

START_TEST(verifier_reason_is_found_in_its_log)
{
	struct cause c;
	ck_assert(cause_in_scheduler_log(
		"libbpf: -- BEGIN PROG LOAD LOG --\n0: (b7) r0 = 0\nR1 invalid mem access 'scalar'\n"
		"processed 3 insns (limit 1000000)\n-- END PROG LOAD LOG --\nfailed\n",
		&c));
	ck_assert_str_eq(c.line, "R1 invalid mem access 'scalar'");
	ck_assert(!cause_in_scheduler_log("-- END PROG LOAD LOG --", &c) || c.line[0]);
	ck_assert(!cause_in_kernel_log("all is well\n", &c));
}
END_TEST

START_TEST(metrics_name_their_worker)
{
	struct wire_metric m = { .name = "rps", .value = 407.5 }, bad = { .worker = 1, .name = "rps" };
	made_begin();
	made_load("a", 1, 0);
	made_worker(5, 0, 500, 1);
	made_take(WIRE_METRIC, &m, sizeof(m));
	ck_assert(made.metric_count == 1 && made.metric[0].value == 407.5);
	ck_assert_str_eq(made.metric[0].name, "rps");
	t_errno(evidence_take(&made, WIRE_METRIC, 1, &bad, sizeof(bad), NULL), EBADMSG);
	bad = (struct wire_metric){ .value = __builtin_nan("") };
	t_errno(evidence_take(&made, WIRE_METRIC, 1, &bad, sizeof(bad), NULL), EBADMSG);
	made_end();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, metrics_name_their_worker);
	tcase_add_test(tc, good_evidence_passes);
	tcase_add_test(tc, nothing_is_not_a_pass);
	tcase_add_test(tc, missing_telemetry_is_inconclusive);
	tcase_add_test(tc, dropped_records_are_inconclusive);
	tcase_add_test(tc, output_that_no_model_read_is_inconclusive);
	tcase_add_test(tc, a_machine_killed_from_outside_says_nothing_of_the_scheduler);
	tcase_add_test(tc, failure_outranks_inconclusive_outranks_pass);
	tcase_add_test(tc, schedulers_that_do_not_come_up);
	tcase_add_test(tc, a_scheduler_of_the_kernel_that_cannot_be_enabled);
	tcase_add_loop_test(tc, a_storm_is_survived_in_every_hold, 0, ARRAY_SIZE(storms));
	tcase_add_test(tc, a_machine_that_ends_slowly_is_over_its_budget);
	tcase_add_test(tc, schedulers_that_do_not_stay);
	tcase_add_test(tc, schedulers_that_do_not_stop_well);
	tcase_add_test(tc, a_sysctl_that_cannot_be_set_fails_the_test);
	tcase_add_test(tc, kernel_crashes_are_named);
	tcase_add_test(tc, resets_are_named);
	tcase_add_test(tc, expectations_without_end);
	tcase_add_test(tc, lateness_says_where);
	tcase_add_test(tc, records_of_the_wrong_size_are_refused);
	tcase_add_test(tc, statistics_follow_their_formulas);
	tcase_add_test(tc, verifier_reason_is_found_in_its_log);
}

int main(void)
{
	return t_main("verdict", fill);
}
