/* SPDX-License-Identifier: GPL-2.0-only */
/* Workers' behaviour, compared with limits: which limit applies to whom, and what exceeds it. */
#include <string.h>

#include <ktstr/load.h>

#include "made.h"
#include "t.h"

/* --- limits of a load --------------------------------------------------------------------------------------------- */

START_TEST(a_load_sets_its_own_limits)
{
	made_begin(); /* the same gap is too long for the first load only */
	made_load("a", 1, 0);
	made_check("max_gap_ms", 50);
	made_worker(5, 100, 500, 1);
	made_load("b", 1, 0);
	made_worker(5, 100, 500, 1);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL, "cgroup 'a' (SpinWait): tid 40 made no progress for 100 ms");
	made_begin();
	made_limit(LIMIT_GAP, 50);
	made_load("a", 1, 0);
	made_check("max_gap_ms", KTSTR_OFF);
	made_check("something_of_a_later_version", 1);
	made_worker(5, 100, 500, 1);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_PASS, NULL);
	made_begin();
	made_load("a", 1, 0);
	made_check("not_stuck", KTSTR_OFF);
	made_worker(0, 5000, 500, 1);
	made_load("b", 1, 0);
	made_worker(0, 5000, 500, 1);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL, "cgroup 'b' (SpinWait): tid 41 starved");
}
END_TEST

START_TEST(a_check_belongs_to_the_last_load)
{
	struct wire_check c = { .cgroup = 0, .name = "max_gap_ms", .value = 1 };
	made_begin();
	t_errno(evidence_take(&made, WIRE_CHECK, 1, &c, sizeof(c), NULL), EBADMSG);
	made_load("a", 0, 0);
	made_load("b", 0, 0);
	t_errno(evidence_take(&made, WIRE_CHECK, 1, &c, sizeof(c), NULL), EBADMSG);
	c.cgroup = 1;
	c.value = __builtin_nan("");
	t_errno(evidence_take(&made, WIRE_CHECK, 1, &c, sizeof(c), NULL), EBADMSG);
	ck_assert_uint_eq(made.check_count, 0);
	made_end();
}
END_TEST

/* --- default checks ----------------------------------------------------------------------------------------------- */

START_TEST(workers_are_checked)
{
	made_begin();
	made_load("a", 1, 0);
	made_worker(0, 10, 500, 1);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL, "tid 40 starved (0 work units)");
	made_begin();
	made_load("a", 1, 0);
	made_worker(5, 3001, 500, 1);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL,
		    "tid 40 made no progress for 3001 ms, from +20 to +3021 ms, then ran on cpu0 (limit 3000 ms)");
	made_begin();
	made_load("a", 2, 0);
	made_worker(5, 1, 100, 1);
	made_worker(5, 1, 900, 1);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL, "unfair cgroup 'a' (SpinWait): spread=80% (10-90%) 2 workers on 1 cpus (threshold "
				"35%); tid 41 ran most, tid 40 least");
	made_begin();
	made_load("a", 1, 1);
	made_worker(5, 1, 500, 5);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL, "tid 40 ran on unexpected CPUs {2}");
}
END_TEST

START_TEST(limits_are_limits_not_targets)
{
	made_begin();
	made_load("a", 2, 3);
	made_worker(1, 3000, 650, 1);
	made_worker(1, 3000, 1000, 2);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_PASS, NULL);
}
END_TEST

START_TEST(isolation_follows_changing_cpusets)
{
	made_begin();
	made_load("a", 1, 0);
	made_worker(5, 1, 500, 3);
	made.worker[0].wire.cpus_outside[0] = 2; /* once allowed, but not when it was used */
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL, "tid 40 ran on unexpected CPUs {1}");
}
END_TEST

START_TEST(workers_with_one_fate_are_one_finding)
{
	made_begin();
	made_load("crowd", 150, 0);
	made.cgroup[0].nice = 5;
	for (unsigned i = 0; i < 150; i++)
		made_worker(i == 7 ? 5 : 0, 500 + i, i == 7 ? 500 : 0, i == 7);
	made.hello.cpus = 64;
	made_limit(LIMIT_SPREAD, KTSTR_OFF);
	made_result(KTSTR_PASS);
	t_ok(judge(&made, &made_facts, &made_judgement));
	ck_assert_uint_eq(made_judgement.details, 1);
	ck_assert_str_eq(made_judgement.detail[0].text,
			 "cgroup 'crowd' (SpinWait, nice 5): 149 of 150 workers (tids 40, 41, 42, 43, ...) starved "
			 "(0 work units), one was never run, for 649 ms");
	judgement_done(&made_judgement);
	made_limit(LIMIT_GAP, 600);
	made_limit(LIMIT_NOT_STUCK, KTSTR_ON);
	made_expect(KTSTR_FAIL, "starved");
}
END_TEST

START_TEST(gaps_of_one_load_are_one_finding)
{
	made_begin();
	made_load("a", 3, 0);
	made_worker(5, 3500, 500, 1);
	made_worker(5, 4500, 500, 1);
	made_worker(5, 10, 500, 1);
	made_result(KTSTR_PASS);
	t_ok(judge(&made, &made_facts, &made_judgement));
	ck_assert_uint_eq(made_judgement.details, 1);
	judgement_done(&made_judgement);
	made_expect(KTSTR_FAIL,
		    "cgroup 'a' (SpinWait): tid 41 made no progress for 4500 ms, from +20 to +4520 ms, then ran on "
		    "cpu0 (limit 3000 ms); 2 of 3 workers exceeded the limit");
}
END_TEST

/* --- rates, latencies, migrations, pages -------------------------------------------------------------------------- */

static void two_workers(uint64_t units_a, uint64_t units_b)
{
	made_load("a", 2, 0);
	made_worker(units_a, 1, 500, 1);
	made_worker(units_b, 1, 500, 1);
	made_result(KTSTR_PASS);
}

START_TEST(rates_are_checked_where_a_limit_says_so)
{
	made_begin();
	made_limit(LIMIT_THROUGHPUT_CV, 0.5);
	two_workers(100, 300);
	made_expect(KTSTR_PASS, NULL);
	made_begin();
	made_limit(LIMIT_THROUGHPUT_CV, 0.49);
	two_workers(100, 300);
	made_expect(KTSTR_FAIL, "cgroup 'a' (SpinWait): throughput CV 0.500 exceeds limit 0.490 (mean=400 work/cpu_s)");
	made_begin();
	made_limit(LIMIT_WORK_RATE, 201);
	two_workers(100, 300);
	made_expect(KTSTR_FAIL, "worker 40 throughput 200 work/cpu_s below floor 201");
	made_begin();
	made_limit(LIMIT_ITERATION_RATE, 101);
	two_workers(100, 300);
	made_expect(KTSTR_FAIL, "worker 40 iteration rate 100.0/s below floor 101.0/s");
}
END_TEST

START_TEST(wakeups_and_migrations_are_checked_where_a_limit_says_so)
{
	const uint32_t sample[] = { 1000, 1000, 5000 };
	made_begin();
	made_limit(LIMIT_P99_WAKE, 5000);
	made_limit(LIMIT_WAKE_CV, 1);
	made_limit(LIMIT_MIGRATION_RATIO, 0.5);
	made_load("a", 1, 0);
	made_waker(10, 5, sample, 3);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_PASS, NULL);
	made_begin();
	made_limit(LIMIT_P99_WAKE, 4999);
	made_load("a", 1, 0);
	made_waker(10, 5, sample, 3);
	made.worker[0].wire.max_wake_ns = 5000;
	made.worker[0].wire.max_wake_at_ns = 334000000;
	made.worker[0].wire.max_wake_cpu = 1;
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL,
		    "p99 wake latency 5 us (limit 5 us), median 1 us, in 3 wake-ups; the longest was 5 us, of "
		    "tid 40, until 334 ms after the test began, then it ran on cpu1");
	made_begin();
	made_limit(LIMIT_WAKE_CV, 0.8);
	made_load("a", 1, 0);
	made_waker(10, 5, sample, 3);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL, "wake latency CV 0.808 exceeds limit 0.800 (3 samples)");
	made_begin();
	made_limit(LIMIT_MIGRATION_RATIO, 0.4);
	made_load("a", 1, 0);
	made_waker(10, 5, sample, 3);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_FAIL, "migration ratio 0.5000 exceeds limit 0.4000 (5 migrations, 10 iterations)");
}
END_TEST

/* A latency limit of the test does not apply to a load that only spins, but does apply to the load beside it. */
START_TEST(a_load_is_not_asked_for_what_it_cannot_have)
{
	const uint32_t sample[] = { 1000, 1000, 5000 };
	for (unsigned i = 0; i < 4; i++) {
		made_begin();
		made_limit(LIMIT_P99_WAKE, i ? 4999 : 5000);
		made_load("spin", 1, 0);
		if (i == 2)
			made_check("max_p99_wake_latency_ns", 5000);
		made_worker(5, 1, 500, 1);
		made_load("nap", 1, 0);
		made.cgroup[1].wakes = 1;
		if (i >= 2)
			made_check("max_p99_wake_latency_ns", i == 2 ? 5000 : KTSTR_OFF);
		made_waker(10, 5, sample, 3);
		made_result(KTSTR_PASS);
		if (i == 1)
			made_expect(KTSTR_FAIL, "cgroup 'nap' (SpinWait): p99 wake latency 5 us");
		else if (i == 2)
			made_expect(KTSTR_INCONCLUSIVE,
				    "cgroup 'spin' (SpinWait): max_p99_wake_latency_ns cannot be judged");
		else
			made_expect(KTSTR_PASS, NULL);
	}
}
END_TEST

START_TEST(a_limit_that_no_load_can_have_is_inconclusive)
{
	made_begin();
	made_limit(LIMIT_P99_WAKE, 5000);
	made_load("spin", 1, 0);
	made_worker(5, 1, 500, 1);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_INCONCLUSIVE, "max_p99_wake_latency_ns cannot be judged: the test has no load");
	made_begin(); /* a scheduler's limits apply to many tests */
	made_facts.limits.limit[LIMIT_P99_WAKE] = (struct limit){ true, 5000, FROM_SCHEDULER };
	made_load("spin", 1, 0);
	made_worker(5, 1, 500, 1);
	made_result(KTSTR_PASS);
	made_expect_unjudged(KTSTR_PASS, NULL, "the test has no load");
	made_begin();
	made_limit(LIMIT_P99_WAKE, 5000);
	made_load("nap", 1, 0);
	made.cgroup[0].wakes = 1;
	made_worker(5, 1, 500, 1);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_INCONCLUSIVE, "no wake-up was timed");
	made_begin(); /* the skip reports it already */
	made_limit(LIMIT_P99_WAKE, 5000);
	made_result(KTSTR_SKIP);
	made_expect(KTSTR_SKIP, NULL);
}
END_TEST

static void gate(enum threshold which, double value, enum ktstr_verdict v, const char *cause)
{
	made_limit(which, value);
	made_result(KTSTR_PASS);
	made_expect(v, cause);
}

START_TEST(shares_of_nothing_are_inconclusive)
{
	made_begin();
	made_limit(LIMIT_NOT_STUCK, KTSTR_OFF);
	made_load("a", 1, 0);
	made_worker(0, 0, 0, 1);
	gate(LIMIT_MIGRATION_RATIO, 0.5, KTSTR_INCONCLUSIVE, "there were no iterations");
	made_begin();
	made_load("a", 1, 0);
	made_worker(5, 0, 500, 1);
	made.cgroup[0].wakes = 1;
	gate(LIMIT_P99_WAKE, 1, KTSTR_INCONCLUSIVE, "no wake-up was timed");
	made_begin();
	made_load("a", 1, 0);
	made_worker(5, 0, 500, 1);
	gate(LIMIT_SLOW_TIER, 0.5, KTSTR_INCONCLUSIVE, "max_slow_tier_ratio cannot be judged: no pages");
	made_begin();
	made_load("a", 1, 0);
	made_worker(5, 0, 500, 1);
	gate(LIMIT_CROSS_NODE, 0.5, KTSTR_INCONCLUSIVE, "no pages were counted");
	made_begin();
	made_load("a", 1, 0);
	made_worker(5, 0, 500, 1);
	made.cgroup[0].wakes = 1;
	gate(LIMIT_WAKE_CV, 0.5, KTSTR_INCONCLUSIVE, "fewer than two wake-ups were timed");
	made_begin();
	made_limit(LIMIT_NOT_STUCK, KTSTR_OFF);
	made_load("a", 2, 0);
	made_worker(0, 0, 500, 1);
	made_worker(0, 0, 500, 1);
	gate(LIMIT_THROUGHPUT_CV, 0.5, KTSTR_INCONCLUSIVE, "its workers did no work");
}
END_TEST

static void pages(uint64_t nodes, uint32_t first, uint32_t second, uint64_t migrated)
{
	struct wire_cpu cpus[] = { { .cpu = 0, .node = 0 } };
	made_begin();
	made_take(WIRE_TOPOLOGY, cpus, sizeof(cpus));
	made_load("a", 1, 0);
	made_worker(5, 0, 500, 1);
	made.cgroup[0].nodes = nodes;
	made.worker[0].wire.numa_pages[0] = first;
	made.worker[0].wire.numa_pages[1] = second;
	made.worker[0].wire.pages_migrated = migrated;
}

START_TEST(pages_are_judged_by_node)
{
	pages(1, 30, 70, 0);
	gate(LIMIT_PAGE_LOCALITY, 0.5, KTSTR_FAIL, "page locality 0.300 below threshold 0.500 (30/100 pages local)");
	pages(2, 30, 70, 0);
	gate(LIMIT_PAGE_LOCALITY, 0.5, KTSTR_PASS, NULL);
	pages(4, 30, 70, 0); /* bound to a node that has none of the pages: measured, and outside the limit */
	gate(LIMIT_PAGE_LOCALITY, 0.5, KTSTR_FAIL, "page locality 0.000");
	pages(0, 30, 70, 0); /* not bound to a node */
	gate(LIMIT_PAGE_LOCALITY, 0.5, KTSTR_INCONCLUSIVE, "the test has no load that it applies to");
	pages(0, 30, 70, 0); /* node 1 has no CPU */
	gate(LIMIT_SLOW_TIER, 0.5, KTSTR_FAIL, "slow tier ratio 0.700 exceeds limit 0.500 (70/100 pages)");
	pages(0, 30, 70, 20);
	gate(LIMIT_CROSS_NODE, 0.1, KTSTR_FAIL, "cross-node migration ratio 0.200 exceeds limit 0.100");
}
END_TEST

/*
 * A default limit is relaxed by the delays that many workers on one CPU cause; the delays of each load are one finding.
 */
START_TEST(waits_of_who_is_ready_to_run_are_limited)
{
	static const struct {
		uint32_t workers, delay_ms;
		const char *cause, *unjudged;
	} cases[] = {
		{ 2, 2999, NULL, NULL },
		{ 2, 3500,
		  "tid 41 was ready to run, but did not run, for 3500 ms, until +9000 ms, then ran on cpu3 "
		  "(limit 3000 ms)",
		  NULL },
		{ 200, 3500, NULL, "may count on 0.5 % of a CPU" },
		{ 200, 9000, "for 9000 ms, until +9000 ms, then ran on cpu3 (limit 8000 ms)", NULL },
	};
	made_begin();
	made.hello.cpus = 1;
	made_load("a", cases[_i].workers, 0);
	for (unsigned i = 0; i < cases[_i].workers; i++) {
		made_worker(5, 10, 5, 1);
		struct wire_worker *w = &made.worker[i].wire;
		w->wall_ns = 30000000000u;
		w->max_delay_ns = w->max_delay_most_ns = i == 1 ? cases[_i].delay_ms * 1000000ul : 5000000;
		w->max_delay_end_ns = 9000000000u;
		w->max_delay_cpu = 3;
	}
	made_result(KTSTR_PASS);
	if (cases[_i].unjudged)
		made_expect_unjudged(KTSTR_PASS, NULL, cases[_i].unjudged);
	else
		made_expect(cases[_i].cause ? KTSTR_FAIL : KTSTR_PASS, cases[_i].cause);
}
END_TEST

/* Two workers, the second of which waited for a CPU for @least to @most ms. */
static void waited_between(uint32_t least_ms, uint32_t most_ms, bool known)
{
	made_begin();
	made_load("a", 2, 0);
	made_worker(5, 10, 5, 1);
	made_worker(5, 10, 5, 1);
	struct wire_worker *w = &made.worker[1].wire;
	w->max_delay_ns = least_ms * 1000000ul;
	w->max_delay_most_ns = most_ms * 1000000ul;
	w->delay_known = known;
}

/* A limit between what the wait was at least and at most cannot be judged, nor can a wait that was not measured. */
START_TEST(a_wait_that_is_not_known_does_not_pass)
{
	static const struct {
		uint32_t least_ms, most_ms;
		bool known;
		enum ktstr_verdict verdict;
		const char *cause;
	} cases[] = {
		{ 20, 29, true, KTSTR_PASS, NULL },
		{ 31, 60, true, KTSTR_FAIL,
		  "tid 41 was ready to run, but did not run, for 31 ms before its first turn (limit 30 ms)" },
		{ 20, 31, true, KTSTR_INCONCLUSIVE, "wait of tid 41 for a CPU is between 20 ms and 31 ms" },
		{ 0, 0, false, KTSTR_INCONCLUSIVE, "the waits of tid 41 for a CPU are not known" },
		{ 31, 31, false, KTSTR_FAIL, "for 31 ms before its first turn (limit 30 ms)" },
	};
	waited_between(cases[_i].least_ms, cases[_i].most_ms, cases[_i].known);
	made_limit(LIMIT_RUN_DELAY, 30);
	made_result(KTSTR_PASS);
	made_expect(cases[_i].verdict, cases[_i].cause);
}
END_TEST

START_TEST(a_default_limit_on_waits_that_are_not_known_is_recorded)
{
	waited_between(0, 4000, _i);
	made_result(KTSTR_PASS);
	made_expect_unjudged(KTSTR_PASS, NULL, _i ? "is between 0 ms and 4000 ms" : "are not known");
}
END_TEST

/* A worker that may count on 0.5 % of a CPU may wait for up to 8000 ms, whatever its wait was exactly. */
START_TEST(a_wait_between_limits_of_a_small_share_is_the_share)
{
	made_begin();
	made.hello.cpus = 1;
	made_load("a", 200, 0);
	for (unsigned i = 0; i < 200; i++) {
		made_worker(5, 10, 5, 1);
		made.worker[i].wire.max_delay_ns = i ? 5000000 : 1200000000;
		made.worker[i].wire.max_delay_most_ns = i ? 5000000 : 3500000000;
	}
	made_result(KTSTR_PASS);
	made_expect_unjudged(KTSTR_PASS, NULL, "may count on 0.5 % of a CPU");
}
END_TEST

/* The report has both limits of a wait that is not known exactly, and one number of a wait that is. */
START_TEST(a_wait_between_limits_is_reported_as_such)
{
	made_begin();
	made_load("a", 1, 0);
	made_worker(5, 10, 5, 1);
	made.worker[0].wire.max_delay_ns = 108000000;
	made.worker[0].wire.max_delay_most_ns = _i ? 108000000 : 420000000;
	made_result(KTSTR_PASS);
	t_ok(judge(&made, &made_facts, &made_judgement));
	const char *wanted =
		_i ? "max_run_delay_ms 108 ms (limit" : "max_run_delay_ms between 108 ms and 420 ms (limit";
	bool found = false;
	for (uint32_t i = 0; i < made_judgement.values; i++)
		found |= strstr(made_judgement.value[i], wanted) != NULL;
	ck_assert_msg(found, "'%s' is in none of %u values", wanted, made_judgement.values);
	made_end();
}
END_TEST

/* Limits beside not_stuck = KTSTR_OFF: one that the same layer sets is judged, a default is not. */
START_TEST(an_explicit_limit_is_judged_without_not_stuck)
{
	made_begin();
	made_limit(LIMIT_NOT_STUCK, KTSTR_OFF);
	if (_i)
		made_limit(LIMIT_GAP, 2000);
	made_load("a", 1, 0);
	made_worker(5, 4000, 5, 1);
	made_result(KTSTR_PASS);
	made_expect(_i ? KTSTR_FAIL : KTSTR_PASS, _i ? "made no progress for 4000 ms" : NULL);
}
END_TEST

START_TEST(a_spread_limit_without_a_load_to_compare_does_not_pass)
{
	made_begin();
	made_load("a", 1, 0);
	if (_i)
		made_check("max_spread_pct", 10);
	else
		made_limit(LIMIT_SPREAD, 10);
	made_worker(5, 10, 5, 1);
	made_result(KTSTR_PASS);
	made_expect(KTSTR_INCONCLUSIVE, _i ? "it has one worker" : "the test has no load that it applies to");
}
END_TEST

START_TEST(roles_are_not_compared)
{
	made_begin();
	made_load("a", 2, 0);
	made_worker(5, 1, 100, 1);
	made_worker(5, 1, 900, 1);
	made.cgroup[0].roles = 1;
	made_result(KTSTR_PASS);
	made_expect(KTSTR_PASS, NULL);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_load_sets_its_own_limits);
	tcase_add_test(tc, a_check_belongs_to_the_last_load);
	tcase_add_test(tc, workers_are_checked);
	tcase_add_test(tc, limits_are_limits_not_targets);
	tcase_add_test(tc, isolation_follows_changing_cpusets);
	tcase_add_test(tc, workers_with_one_fate_are_one_finding);
	tcase_add_test(tc, gaps_of_one_load_are_one_finding);
	tcase_add_test(tc, rates_are_checked_where_a_limit_says_so);
	tcase_add_test(tc, wakeups_and_migrations_are_checked_where_a_limit_says_so);
	tcase_add_test(tc, a_load_is_not_asked_for_what_it_cannot_have);
	tcase_add_test(tc, a_limit_that_no_load_can_have_is_inconclusive);
	tcase_add_test(tc, shares_of_nothing_are_inconclusive);
	tcase_add_test(tc, pages_are_judged_by_node);
	tcase_add_test(tc, roles_are_not_compared);
	tcase_add_loop_test(tc, waits_of_who_is_ready_to_run_are_limited, 0, 4);
	tcase_add_loop_test(tc, a_wait_that_is_not_known_does_not_pass, 0, 5);
	tcase_add_loop_test(tc, a_default_limit_on_waits_that_are_not_known_is_recorded, 0, 2);
	tcase_add_test(tc, a_wait_between_limits_of_a_small_share_is_the_share);
	tcase_add_loop_test(tc, a_wait_between_limits_is_reported_as_such, 0, 2);
	tcase_add_loop_test(tc, an_explicit_limit_is_judged_without_not_stuck, 0, 2);
	tcase_add_loop_test(tc, a_spread_limit_without_a_load_to_compare_does_not_pass, 0, 2);
}

int main(void)
{
	return t_main("checks", fill);
}
