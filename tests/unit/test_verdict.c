/* SPDX-License-Identifier: GPL-2.0-only */
/* Evidence in, verdict out. */
#include <signal.h>
#include <string.h>

#include "t.h"
#include "verdict/cause.h"
#include "verdict/judge.h"

static struct evidence e;
static struct judgement j;
static struct judge_facts facts;

static void begin(void)
{
	e = (struct evidence){ 0 };
	facts = (struct judge_facts){ .has_scheduler = true, .scheduler = "sched", .limits = {
		.not_starved = true, .isolation = true, .max_gap_ms = 3000, .max_spread_pct = 35 } };
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

static void sched(enum wire_sched_event event, int status)
{
	struct wire_sched s = { .event = event, .status = status };
	take(WIRE_SCHED, &s, sizeof(s));
}

static void cgroup(const char *name, uint32_t workers, uint64_t cpuset)
{
	struct wire_cgroup g = { .index = e.cgroup_count, .workers = workers, .has_cpuset = cpuset != 0,
				 .cpuset = { cpuset } };
	snprintf(g.name, sizeof(g.name), "%s", name);
	take(WIRE_CGROUP, &g, sizeof(g));
}

static void worker(uint64_t units, uint64_t gap_ms, uint64_t cpu_ms, uint64_t cpus)
{
	struct wire_worker w = { .index = e.worker_count, .cgroup = e.cgroup_count - 1, .tid = 40 + (int)e.worker_count,
				 .end = WIRE_WORKER_COMPLETED, .counts_progress = 1, .work_units = units,
				 .iterations = units, .cpu_ns = cpu_ms * 1000000, .wall_ns = 1000000000,
				 .max_gap_ns = gap_ms * 1000000, .cpus_used = { cpus } };
	take(WIRE_WORKER, &w, sizeof(w));
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
	if (cause)
		ck_assert_msg(d && strstr(d->text, cause), "'%s' is not in: %s", cause, d ? d->text : "(none)");
	end();
}

START_TEST(good_evidence_passes)
{
	begin();
	cgroup("a", 2, 0);
	worker(100, 10, 500, 1);
	worker(100, 10, 510, 2);
	result(KTSTR_PASS);
	expect(KTSTR_PASS, NULL);
}
END_TEST

START_TEST(nothing_is_not_a_pass)
{
	begin();
	expect(KTSTR_FAIL, "no test result received");
}
END_TEST

START_TEST(workers_are_checked)
{
	begin();
	cgroup("a", 1, 0);
	worker(0, 10, 500, 1);
	result(KTSTR_PASS);
	expect(KTSTR_FAIL, "tid 40 starved (0 work units)");
	begin();
	cgroup("a", 1, 0);
	worker(5, 3001, 500, 1);
	result(KTSTR_PASS);
	expect(KTSTR_FAIL, "stuck 3001ms on cpu0 at +0ms (threshold 3000ms)");
	begin();
	cgroup("a", 2, 0);
	worker(5, 1, 100, 1);
	worker(5, 1, 900, 1);
	result(KTSTR_PASS);
	expect(KTSTR_FAIL, "unfair cgroup 'a': spread=80% (10-90%) 2 workers on 1 cpus");
	begin();
	cgroup("a", 1, 1);
	worker(5, 1, 500, 5);
	result(KTSTR_PASS);
	expect(KTSTR_FAIL, "tid 40 ran on unexpected CPUs {2}");
}
END_TEST

START_TEST(limits_are_limits_not_targets)
{
	begin();
	cgroup("a", 2, 3);
	worker(1, 3000, 650, 1);
	worker(1, 3000, 1000, 2);
	result(KTSTR_PASS);
	expect(KTSTR_PASS, NULL);
}
END_TEST

/* One worker with wake-ups of these latencies, and this many migrations; iterations as work units. */
static void waker(uint64_t units, uint64_t migrations, const uint32_t *sample, uint32_t count)
{
	struct {
		struct wire_samples head;
		uint32_t sample[8];
	} record = { .head = { .worker = e.worker_count, .count = count } };
	struct wire_worker w = { .index = e.worker_count, .cgroup = e.cgroup_count - 1, .tid = 40 + (int)e.worker_count,
				 .end = WIRE_WORKER_COMPLETED, .counts_progress = 1, .work_units = 9,
				 .iterations = units, .cpu_ns = 500000000, .wall_ns = 1000000000,
				 .migrations = migrations, .wake_samples = count };
	take(WIRE_WORKER, &w, sizeof(w));
	if (!count)
		return;
	memcpy(record.sample, sample, count * sizeof(*sample));
	take(WIRE_SAMPLES, &record, sizeof(record.head) + count * sizeof(*sample));
}

static void two_workers(uint64_t units_a, uint64_t units_b)
{
	cgroup("a", 2, 0);
	worker(units_a, 1, 500, 1);
	worker(units_b, 1, 500, 1);
	result(KTSTR_PASS);
}

START_TEST(rates_are_checked_where_a_limit_says_so)
{
	begin();
	facts.limits.max_throughput_cv = 0.5;
	two_workers(100, 300);
	expect(KTSTR_PASS, NULL);
	begin();
	facts.limits.max_throughput_cv = 0.49;
	two_workers(100, 300);
	expect(KTSTR_FAIL, "cgroup 'a': throughput CV 0.500 exceeds limit 0.490 (mean=400 work/cpu_s)");
	begin();
	facts.limits.min_work_rate = 201;
	two_workers(100, 300);
	expect(KTSTR_FAIL, "worker 40 throughput 200 work/cpu_s below floor 201");
	begin();
	facts.limits.min_iteration_rate = 101;
	two_workers(100, 300);
	expect(KTSTR_FAIL, "worker 40 iteration rate 100.0/s below floor 101.0/s");
}
END_TEST

START_TEST(wakeups_and_migrations_are_checked_where_a_limit_says_so)
{
	const uint32_t sample[] = { 1000, 1000, 5000 };
	begin();
	facts.limits.max_p99_wake_latency_ns = 5000;
	facts.limits.max_wake_latency_cv = 1;
	facts.limits.max_migration_ratio = 0.5;
	cgroup("a", 1, 0);
	waker(10, 5, sample, 3);
	result(KTSTR_PASS);
	expect(KTSTR_PASS, NULL);
	begin();
	facts.limits.max_p99_wake_latency_ns = 4999;
	cgroup("a", 1, 0);
	waker(10, 5, sample, 3);
	result(KTSTR_PASS);
	expect(KTSTR_FAIL, "p99 wake latency 5000ns exceeds limit 4999ns (3 samples)");
	begin();
	facts.limits.max_wake_latency_cv = 0.8;
	cgroup("a", 1, 0);
	waker(10, 5, sample, 3);
	result(KTSTR_PASS);
	expect(KTSTR_FAIL, "wake latency CV 0.808 exceeds limit 0.800 (3 samples)");
	begin();
	facts.limits.max_migration_ratio = 0.4;
	cgroup("a", 1, 0);
	waker(10, 5, sample, 3);
	result(KTSTR_PASS);
	expect(KTSTR_FAIL, "migration ratio 0.5000 exceeds limit 0.4000 (5 migrations, 10 iterations)");
}
END_TEST

START_TEST(absolute_limits_count_on_tcg_only_where_the_test_says_so)
{
	begin();
	facts.emulated = true;
	facts.limits.min_iteration_rate = 1000;
	two_workers(100, 300);
	expect(KTSTR_INCONCLUSIVE, "an absolute limit is not judged on tcg");
	begin();
	facts.emulated = facts.limits.gate_on_tcg = true;
	facts.limits.min_iteration_rate = 1000;
	two_workers(100, 300);
	expect(KTSTR_FAIL, "below floor");
	begin();
	facts.emulated = true;
	facts.limits.max_throughput_cv = 0.1;
	two_workers(100, 300);
	expect(KTSTR_FAIL, "throughput CV");
}
END_TEST

START_TEST(every_limit_has_an_origin)
{
	struct ktstr_checks sched = { .max_gap_ms = 10, .max_throughput_cv = 0.5, .gate_on_tcg = KTSTR_ON };
	struct ktstr_checks test = { .max_throughput_cv = 0.25, .isolation = KTSTR_OFF, .min_page_locality = 0.5 };
	struct thresholds t = thresholds_merge(false, &sched, &test);
	ck_assert_int_eq(t.origin[LIMIT_NOT_STARVED], FROM_DEFAULT);
	ck_assert_int_eq(t.origin[LIMIT_GAP], FROM_SCHEDULER);
	ck_assert_int_eq(t.origin[LIMIT_THROUGHPUT_CV], FROM_TEST);
	ck_assert(threshold_value(&t, LIMIT_GAP) == 10 && threshold_value(&t, LIMIT_THROUGHPUT_CV) == 0.25);
	ck_assert(threshold_value(&t, LIMIT_ISOLATION) == 0 && t.gate_on_tcg);
	ck_assert_int_eq(t.origin[LIMIT_PAGE_LOCALITY], FROM_TEST);
	ck_assert(threshold_value(&t, LIMIT_PAGE_LOCALITY) == 0.5 && t.min_page_locality == 0.5);
	ck_assert(threshold_value(&t, LIMIT_SLOW_TIER) == 0 && t.min_work_rate == 0);
}
END_TEST

START_TEST(missing_telemetry_is_inconclusive)
{
	begin();
	cgroup("a", 2, 0);
	worker(5, 1, 500, 1);
	result(KTSTR_PASS);
	expect(KTSTR_INCONCLUSIVE, "1 of 2 workers sent no telemetry");
}
END_TEST

START_TEST(dropped_records_are_inconclusive)
{
	begin();
	result(KTSTR_PASS);
	e.dropped = 3;
	expect(KTSTR_INCONCLUSIVE, "3 records did not fit");
}
END_TEST

START_TEST(a_machine_killed_from_outside_says_nothing_of_the_scheduler)
{
	begin();
	e.machine_died = true;
	e.machine_status = SIGKILL;
	expect(KTSTR_INCONCLUSIVE, "the virtual machine's process was killed by SIGKILL");
}
END_TEST

START_TEST(failure_outranks_inconclusive_outranks_pass)
{
	begin();
	cgroup("a", 2, 0);
	worker(0, 1, 500, 1);
	result(KTSTR_PASS);
	expect(KTSTR_FAIL, "starved");
}
END_TEST

START_TEST(schedulers_that_do_not_come_up)
{
	begin();
	sched(WIRE_SCHED_UNSUPPORTED, 0);
	expect(KTSTR_SKIP, "has no sched_ext");
	begin();
	text(WIRE_STREAM_SCHED, "bad flag\n");
	sched(WIRE_SCHED_LOAD_FAILED, 3 << 8);
	expect(KTSTR_FAIL, "scheduler 'sched' exited at load with status 3: bad flag");
	begin();
	sched(WIRE_SCHED_LOAD_FAILED, SIGSEGV);
	expect(KTSTR_FAIL, "was killed by SIGSEGV before it attached");
	begin();
	sched(WIRE_SCHED_NOT_ATTACHED, 0);
	expect(KTSTR_FAIL, "never attached");
}
END_TEST

START_TEST(schedulers_that_do_not_stay)
{
	begin();
	sched(WIRE_SCHED_ENABLED, 0);
	text(WIRE_STREAM_KMSG, "sched_ext: BPF scheduler \"x\" disabled (runnable task stall)\n"
			       "sched_ext: x: test[44] failed to run for 30s\n");
	sched(WIRE_SCHED_EJECTED, 0);
	result(KTSTR_FAIL);
	expect(KTSTR_FAIL, "disabled by the kernel 0.0s after it attached: (runnable task stall) x: test[44] failed");
	begin();
	sched(WIRE_SCHED_ENABLED, 0);
	sched(WIRE_SCHED_DIED, SIGABRT);
	result(KTSTR_FAIL);
	expect(KTSTR_FAIL, "scheduler process died unexpectedly 0.0s after it attached: 'sched' was killed by SIGABRT");
}
END_TEST

START_TEST(kernel_crashes_are_named)
{
	begin();
	buf_puts(&e.console, "[    1.5] BUG: kernel NULL pointer dereference, address: 0\n[    1.6] Kernel panic - not "
			     "syncing: Fatal exception\n");
	e.machine_reset = true;
	expect(KTSTR_FAIL, "kernel oops: BUG: kernel NULL pointer dereference, address: 0");
}
END_TEST

START_TEST(lateness_says_where)
{
	begin();
	struct wire_hello hello = { .cpus = 1 };
	struct wire_phase phase = { .kind = WIRE_PHASE_HOLD, .name = "crowd" };
	take(WIRE_HELLO, &hello, sizeof(hello));
	take(WIRE_PHASE, &phase, sizeof(phase));
	snprintf(e.late_in, sizeof(e.late_in), "running");
	buf_puts(&e.diagnosis, "CPU#0\nRIP=ffffffff81000042 RFL=1\n");
	expect(KTSTR_FAIL,
	       "the guest hangs in crowd (attempt state running; guest time 1.0s, CPU 0 at RIP=ffffffff81000042)");
}
END_TEST

START_TEST(expected_failure_turns_the_verdict)
{
	begin();
	facts.expect_err = true;
	sched(WIRE_SCHED_LOAD_FAILED, 1 << 8);
	expect(KTSTR_PASS, NULL);
	begin();
	facts.expect_err = true;
	result(KTSTR_PASS);
	expect(KTSTR_FAIL, "was expected to fail, and passed");
}
END_TEST

START_TEST(thresholds_merge_in_layers)
{
	struct ktstr_checks none = { 0 }, sched_off = { .not_starved = KTSTR_OFF, .max_gap_ms = 10 };
	struct ktstr_checks test_on = { .not_starved = KTSTR_ON };
	struct thresholds t = thresholds_merge(false, &none, &none);
	ck_assert(t.not_starved && t.max_gap_ms == 3000 && t.max_spread_pct == 35);
	t = thresholds_merge(true, &none, &none);
	ck_assert(t.max_gap_ms == 2000 && t.max_spread_pct == 15);
	t = thresholds_merge(false, &sched_off, &none);
	ck_assert(!t.not_starved && t.max_gap_ms == 10);
	t = thresholds_merge(false, &sched_off, &test_on);
	ck_assert(t.not_starved && t.max_gap_ms == 10);
}
END_TEST

START_TEST(records_of_the_wrong_size_are_refused)
{
	struct err *err = NULL;
	begin();
	char junk[1024] = "";
	t_errno(evidence_take(&e, WIRE_HELLO, 0, junk, 3, &err), EBADMSG);
	t_err_contains(&err, "(hello) makes no sense");
	t_errno(evidence_take(&e, WIRE_WORKER, 0, junk, sizeof(struct wire_worker), NULL), EBADMSG);
	ck_assert_uint_eq(e.worker_count, 0);
	struct wire_result lie = { .verdict = 77 };
	t_errno(evidence_take(&e, WIRE_RESULT, 0, &lie, sizeof(lie), NULL), EBADMSG);
	ck_assert(!e.has_result);
	struct wire_samples samples = { .worker = 0, .count = 1000000 };
	t_errno(evidence_take(&e, WIRE_SAMPLES, 0, &samples, sizeof(samples), NULL), EBADMSG);
	struct wire_text t = { .stream = 99 };
	t_errno(evidence_take(&e, WIRE_TEXT, 0, &t, sizeof(t), NULL), EBADMSG);
	end();
}
END_TEST

START_TEST(statistics_follow_their_formulas)
{
	begin();
	cgroup("a", 1, 0);
	worker(4, 1, 500, 3);
	struct {
		struct wire_samples head;
		uint32_t ns[4];
	} s = { .head = { .worker = 0, .count = 4 }, .ns = { 4000, 1000, 3000, 2000 } };
	take(WIRE_SAMPLES, &s, sizeof(s));
	struct scenario_stats stats;
	t_ok(stats_compute(&e, &stats));
	/* p99 = sorted[ceil(4 * .99) - 1], median = sorted[4 / 2] */
	ck_assert_double_eq(stats.cgroup[0].p99_wake_us, 4.0);
	ck_assert_double_eq(stats.cgroup[0].median_wake_us, 3.0);
	ck_assert_double_eq_tol(stats.cgroup[0].wake_cv, 0.4472, 0.001);
	ck_assert_double_eq(stats.cgroup[0].avg_off_cpu_pct, 50.0);
	ck_assert_uint_eq(stats.cgroup[0].cpus, 2);
	stats_done(&stats);
	end();
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

static void gate(double *limit, double value, enum ktstr_verdict v, const char *cause)
{
	*limit = value;
	result(KTSTR_PASS);
	expect(v, cause);
	*limit = 0;
}

START_TEST(shares_of_nothing_are_inconclusive)
{
	struct thresholds *c = &facts.limits;
	begin();
	facts.limits.not_starved = false;
	cgroup("a", 1, 0);
	worker(0, 0, 0, 1);
	gate(&c->max_migration_ratio, 0.5, KTSTR_INCONCLUSIVE, "there were no iterations");
	begin();
	cgroup("a", 1, 0);
	worker(5, 0, 500, 1);
	gate(&c->max_p99_wake_latency_ns, 1, KTSTR_INCONCLUSIVE, "no wake-up was timed");
	begin();
	cgroup("a", 1, 0);
	worker(5, 0, 500, 1);
	gate(&c->max_slow_tier_ratio, 0.5, KTSTR_INCONCLUSIVE, "max_slow_tier_ratio cannot be judged: no pages");
	begin();
	cgroup("a", 1, 0);
	worker(5, 0, 500, 1);
	gate(&c->max_cross_node_migration_ratio, 0.5, KTSTR_INCONCLUSIVE, "no pages were counted");
	begin();
	cgroup("a", 1, 0);
	worker(5, 0, 500, 1);
	gate(&c->max_wake_latency_cv, 0.5, KTSTR_INCONCLUSIVE, "fewer than two wake-ups were timed");
	begin();
	facts.limits.not_starved = false;
	cgroup("a", 2, 0);
	worker(0, 0, 500, 1);
	worker(0, 0, 500, 1);
	gate(&c->max_throughput_cv, 0.5, KTSTR_INCONCLUSIVE, "its workers did no work");
}
END_TEST

static void pages(uint64_t nodes, uint32_t first, uint32_t second, uint64_t migrated)
{
	struct wire_cpu cpus[] = { { .cpu = 0, .node = 0 } };
	begin();
	take(WIRE_TOPOLOGY, cpus, sizeof(cpus));
	cgroup("a", 1, 0);
	worker(5, 0, 500, 1);
	e.cgroup[0].nodes = nodes;
	e.worker[0].wire.numa_pages[0] = first;
	e.worker[0].wire.numa_pages[1] = second;
	e.worker[0].wire.pages_migrated = migrated;
}

START_TEST(pages_are_judged_by_node)
{
	struct thresholds *c = &facts.limits;
	pages(1, 30, 70, 0);
	gate(&c->min_page_locality, 0.5, KTSTR_FAIL, "page locality 0.300 below threshold 0.500 (30/100 pages local)");
	pages(2, 30, 70, 0);
	gate(&c->min_page_locality, 0.5, KTSTR_PASS, NULL);
	pages(4, 30, 70, 0);	/* bound to a node that has none: measured, and wrong */
	gate(&c->min_page_locality, 0.5, KTSTR_FAIL, "page locality 0.000");
	pages(0, 30, 70, 0);	/* nowhere in particular */
	gate(&c->min_page_locality, 0.5, KTSTR_PASS, NULL);
	pages(0, 30, 70, 0);	/* node 1 has no CPU */
	gate(&c->max_slow_tier_ratio, 0.5, KTSTR_FAIL, "slow tier ratio 0.700 exceeds limit 0.500 (70/100 pages)");
	pages(0, 30, 70, 20);
	gate(&c->max_cross_node_migration_ratio, 0.1, KTSTR_FAIL,
	     "cross-node migration ratio 0.200 exceeds limit 0.100");
}
END_TEST

START_TEST(roles_are_not_compared)
{
	begin();
	cgroup("a", 2, 0);
	worker(5, 1, 100, 1);
	worker(5, 1, 900, 1);
	e.cgroup[0].roles = 1;
	facts.limits.max_throughput_cv = 0.1;
	result(KTSTR_PASS);
	expect(KTSTR_PASS, NULL);
}
END_TEST

START_TEST(isolation_follows_changing_cpusets)
{
	begin();
	cgroup("a", 1, 0);
	worker(5, 1, 500, 3);
	e.worker[0].wire.cpus_outside[0] = 2;	/* once allowed, but not when it was used */
	result(KTSTR_PASS);
	expect(KTSTR_FAIL, "tid 40 ran on unexpected CPUs {1}");
}
END_TEST

START_TEST(expected_words_are_asked_for)
{
	for (unsigned i = 0; i < 4; i++) {
		begin();
		facts.expect_err = true;
		facts.expect_contains = i & 1 ? "other words" : "the words";
		facts.expect_matches = i & 2 ? "^no [a-z]+$" : "the w.rds";
		text(WIRE_STREAM_KMSG, "sched_ext: x disabled (runtime error)\nsched_ext: the words\n");
		sched(WIRE_SCHED_EJECTED, 0);
		result(KTSTR_FAIL);
		expect(i ? KTSTR_FAIL : KTSTR_PASS, NULL);
	}
}
END_TEST

START_TEST(metrics_name_their_worker)
{
	struct wire_metric m = { .name = "rps", .value = 407.5 }, bad = { .worker = 1, .name = "rps" };
	begin();
	cgroup("a", 1, 0);
	worker(5, 0, 500, 1);
	take(WIRE_METRIC, &m, sizeof(m));
	ck_assert(e.metric_count == 1 && e.metric[0].value == 407.5);
	ck_assert_str_eq(e.metric[0].name, "rps");
	t_errno(evidence_take(&e, WIRE_METRIC, 1, &bad, sizeof(bad), NULL), EBADMSG);
	bad = (struct wire_metric){ .value = __builtin_nan("") };
	t_errno(evidence_take(&e, WIRE_METRIC, 1, &bad, sizeof(bad), NULL), EBADMSG);
	end();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, shares_of_nothing_are_inconclusive);
	tcase_add_test(tc, pages_are_judged_by_node);
	tcase_add_test(tc, roles_are_not_compared);
	tcase_add_test(tc, isolation_follows_changing_cpusets);
	tcase_add_test(tc, expected_words_are_asked_for);
	tcase_add_test(tc, metrics_name_their_worker);
	tcase_add_test(tc, good_evidence_passes);
	tcase_add_test(tc, nothing_is_not_a_pass);
	tcase_add_test(tc, workers_are_checked);
	tcase_add_test(tc, limits_are_limits_not_targets);
	tcase_add_test(tc, rates_are_checked_where_a_limit_says_so);
	tcase_add_test(tc, wakeups_and_migrations_are_checked_where_a_limit_says_so);
	tcase_add_test(tc, absolute_limits_count_on_tcg_only_where_the_test_says_so);
	tcase_add_test(tc, every_limit_has_an_origin);
	tcase_add_test(tc, missing_telemetry_is_inconclusive);
	tcase_add_test(tc, dropped_records_are_inconclusive);
	tcase_add_test(tc, a_machine_killed_from_outside_says_nothing_of_the_scheduler);
	tcase_add_test(tc, failure_outranks_inconclusive_outranks_pass);
	tcase_add_test(tc, schedulers_that_do_not_come_up);
	tcase_add_test(tc, schedulers_that_do_not_stay);
	tcase_add_test(tc, kernel_crashes_are_named);
	tcase_add_test(tc, lateness_says_where);
	tcase_add_test(tc, expected_failure_turns_the_verdict);
	tcase_add_test(tc, thresholds_merge_in_layers);
	tcase_add_test(tc, records_of_the_wrong_size_are_refused);
	tcase_add_test(tc, statistics_follow_their_formulas);
	tcase_add_test(tc, verifier_reason_is_found_in_its_log);
}

int main(void)
{
	return t_main("verdict", fill);
}
