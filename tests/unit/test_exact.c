/* SPDX-License-Identifier: GPL-2.0-only */
/* Schedules made by hand, event by event, and what is judged of them: each check fails, and passes just beside it. */
#include <string.h>

#include <ktstr/load.h>
#include <ktstr/scheduler.h>

#include "exact_schedule.h"

/* --- idle CPUs while a task waits --------------------------------------------------------------------------------- */

struct idle_case {
	uint64_t wait_ms;
	uint64_t allowed; /* CPUs of the worker that waits for CPU 0 */
	bool offline;	  /* CPUs 1 and 2 are */
	uint32_t quota, policy;
	enum ktstr_verdict verdict;
	const char *cause, *unjudged;
};

static const struct idle_case idle_cases[] = {
	{ 150, 7, false, 0, 0, KTSTR_FAIL,
	  "cgroup 'a' (SpinWait): tid 41 was ready to run for 150 ms while cpu1, where it may run, was idle, until 160 "
	  "ms "
	  "after the test began (limit 100 ms)",
	  NULL },
	{ 101, 7, false, 0, 0, KTSTR_FAIL, "was idle", NULL },
	{ 100, 7, false, 0, 0, KTSTR_PASS, NULL, NULL },
	{ 150, 1, false, 0, 0, KTSTR_PASS, NULL, NULL }, /* it may not run elsewhere */
	{ 150, 5, false, 0, 0, KTSTR_FAIL, "while cpu2", NULL },
	{ 150, 7, true, 0, 0, KTSTR_PASS, NULL, NULL },
	{ 150, 7, false, 5000, 0, KTSTR_PASS, NULL, "may wait for a quota" },
	{ 150, 7, false, 0, KTSTR_POLICY_RR, KTSTR_PASS, NULL, "may wait for a quota or a policy" },
	{ 150, 7, false, 0, KTSTR_POLICY_BATCH, KTSTR_FAIL, "SCHED_BATCH): tid 41 was ready", NULL },
};

/* Two workers on CPU 0: the second waits behind the first one. */
static void wait_beside_idle_cpus(const struct idle_case *c)
{
	begin();
	made_load("a", 2, 0);
	made.cgroup[0].quota_permyriad = c->quota;
	made.cgroup[0].policy = c->policy;
	add_workers(2);
	all_idle(0);
	for (unsigned cpu = 1; cpu < CPUS && c->offline; cpu++)
		add(SCHEDULE_OFFLINE, 1 * MS, cpu, 0, 0, 0);
	wakes(2 * MS, 0, FIRST);
	switches(2 * MS, 0, 0, FIRST);
	wakes_among(10 * MS, 0, SECOND, c->allowed);
	switches((10 + c->wait_ms) * MS, 0, FIRST, SECOND);
	sleeps((11 + c->wait_ms) * MS, 0, SECOND);
	measure(12 + c->wait_ms);
}

START_TEST(a_task_waits_beside_an_idle_cpu)
{
	const struct idle_case *c = &idle_cases[_i];
	wait_beside_idle_cpus(c);
	expect(c->verdict, c->cause, c->unjudged);
}
END_TEST

/*
 * Two workers take turns of 40 ms on CPU 0: none waits for long, but one of them always does. At 220 ms the one that
 * waits sleeps for `pause_ms`.
 */
static const struct {
	unsigned pause_ms;
	const char *cause;
} turns[] = {
	{ 0, "cgroup 'a' (SpinWait): cpu1 was idle for 558 ms, until 560 ms after the test began, while at every "
	     "moment some "
	     "worker waited that may run there, at last tid" },
	{ 20, "cgroup 'a' (SpinWait): cpu1 was idle for 538 ms of 558 ms, until 560 ms after" },
	{ 100, NULL },
};

static void take_turns(unsigned pause_ms)
{
	for (uint64_t at = 40; at <= 560; at += 40) {
		bool first_leaves = at / 40 % 2;
		if (pause_ms && at > 200 && at < 220 + pause_ms)
			continue;
		switches(at * MS, 0, first_leaves ? FIRST : SECOND, first_leaves ? SECOND : FIRST);
		if (!pause_ms || at != 200)
			continue;
		add(SCHEDULE_DEQUEUE, 220 * MS, 0, FIRST, 0, SCHEDULE_SLEEP);
		wakes_among((220 + pause_ms) * MS, 0, FIRST, 3);
	}
}

START_TEST(nobody_waits_for_long_but_a_cpu_is_not_used)
{
	begin();
	exact.cpus = CPUS;
	made_load("a", 2, 0);
	add_workers(2);
	all_idle(0);
	for (int pid = FIRST; pid <= SECOND; pid++) {
		add(SCHEDULE_GROUP, 1 * MS, 0, pid, 0, 0);
		wakes_among(2 * MS, 0, pid, 3);
	}
	switches(2 * MS, 0, 0, FIRST);
	take_turns(turns[_i].pause_ms);
	measure(560);
	ck_assert_uint_eq(measured.unused[2].ns, 0);
	expect(turns[_i].cause ? KTSTR_FAIL : KTSTR_PASS, turns[_i].cause, NULL);
}
END_TEST

START_TEST(idle_cpus_of_other_nodes_do_not_count)
{
	for (nodes[1] = 0; nodes[1] < 2; nodes[1]++) {
		nodes[2] = 1;
		wait_beside_idle_cpus(&idle_cases[0]);
		expect(nodes[1] ? KTSTR_PASS : KTSTR_FAIL, nodes[1] ? NULL : "while cpu1", NULL);
	}
	nodes[1] = nodes[2] = 0;
}
END_TEST

START_TEST(a_shared_clock_says_nothing_of_idle_cpus)
{
	wait_beside_idle_cpus(&idle_cases[0]);
	made_facts.emulated = true;
	expect(KTSTR_PASS, NULL, "share one clock");
	wait_beside_idle_cpus(&idle_cases[0]);
	made_facts.emulated = made_facts.parallel_time = true;
	expect(KTSTR_FAIL, "while cpu1", NULL);
}
END_TEST

START_TEST(what_lasts_at_the_end_counts)
{
	begin();
	made_load("a", 1, 0);
	add_workers(1);
	all_idle(0);
	wakes(10 * MS, 0, FIRST);
	add(SCHEDULE_TICK, 300 * MS, 0, 0, 0, 0);
	measure(300);
	expect(KTSTR_FAIL, "tid 40 was ready to run for 290 ms while cpu0", NULL);
}
END_TEST

START_TEST(the_limit_can_be_set_and_switched_off)
{
	const struct idle_case half = { 50, 7, false, 0, 0, KTSTR_PASS, NULL, NULL };
	wait_beside_idle_cpus(&half);
	made_limit(LIMIT_IDLE_WAIT, 40);
	expect(KTSTR_FAIL, "(limit 40 ms)", NULL);
	wait_beside_idle_cpus(&idle_cases[0]);
	made_limit(LIMIT_IDLE_WAIT, KTSTR_OFF);
	expect(KTSTR_PASS, NULL, NULL);
	begin(); /* nothing was recorded */
	made_load("a", 1, 0);
	add_workers(1);
	made_result(KTSTR_PASS);
	made.no_exact = "this backend has no observer";
	made_limit(LIMIT_IDLE_WAIT, 40);
	made_expect_unjudged(KTSTR_INCONCLUSIVE,
			     "max_idle_wait_ms cannot be judged: the schedule was not recorded: this",
			     "the schedule was not recorded: this backend has no observer");
	done();
}
END_TEST

/* --- idle CPUs after wake-ups ------------------------------------------------------------------------------------- */

struct wakeup_case {
	unsigned wakeups;
	uint64_t delay_ms;
	bool busy; /* another worker runs on each CPU meanwhile */
	enum ktstr_verdict verdict;
	const char *cause;
};

static const struct wakeup_case wakeup_cases[] = {
	{ 20, 8, false, KTSTR_FAIL, "tid 40 waited after half of its 20 wake-ups for 8 ms or longer" },
	{ 20, 3, false, KTSTR_PASS, NULL },
	{ 15, 8, false, KTSTR_PASS, NULL }, /* too few */
	{ 20, 8, true, KTSTR_PASS, NULL },
};

START_TEST(a_woken_task_waits_beside_an_idle_cpu)
{
	const struct wakeup_case *c = &wakeup_cases[_i];
	begin();
	made_load("a", 1, 0);
	add_workers(1);
	all_idle(0);
	for (unsigned cpu = 0; cpu < CPUS && c->busy; cpu++)
		switches(1 * MS, cpu, 0, 500 + (int)cpu);
	for (unsigned i = 0; i < c->wakeups; i++) {
		uint64_t at = (10 + i * 20) * MS;
		wakes(at, 0, FIRST);
		switches(at + c->delay_ms * MS, 0, c->busy ? 500 : 0, FIRST);
		add(SCHEDULE_DEQUEUE, at + 12 * MS, 0, FIRST, 0, SCHEDULE_SLEEP);
		switch_as(at + 12 * MS, 0, FIRST, c->busy ? 500 : 0, SCHEDULE_SLEEPS);
	}
	measure(500);
	expect(c->verdict, c->cause, NULL);
}
END_TEST

/* --- waits, isolation --------------------------------------------------------------------------------------------- */

START_TEST(exact_waits_replace_the_range_of_telemetry)
{
	for (unsigned late = 0; late < 2; late++) {
		begin();
		made_load("a", 1, 0);
		add_workers(1);
		made.worker[0].wire.max_delay_ns = (late ? 0 : 4000) * MS; /* telemetry is not asked */
		made.worker[0].wire.max_delay_most_ns = 9000 * MS;
		for (unsigned cpu = 0; cpu < CPUS; cpu++)
			switches(0, cpu, 0, 500 + (int)cpu);
		wakes(10 * MS, 0, FIRST);
		switches((late ? 3020 : 3000) * MS, 0, 500, FIRST);
		measure(4000);
		expect(late ? KTSTR_FAIL : KTSTR_PASS,
		       late ? "tid 40 was ready to run, but did not run, for 3010 ms, until 3020 ms after the test "
			      "began"
			    : NULL,
		       NULL);
	}
}
END_TEST

/* A gap that is a recorded wait has the times that 'ktstr trace' shows, whatever the worker knows of its waits. */
START_TEST(a_gap_is_the_recorded_wait)
{
	struct scenario_stats stats;
	begin();
	made_load("a", 1, 0);
	add_workers(1);
	made.worker[0].wire.max_gap_ns = 3100 * MS;
	made.worker[0].wire.max_gap_at_ns = 3200 * MS;
	made.worker[0].wire.max_delay_ns = 60 * MS;
	for (unsigned cpu = 0; cpu < CPUS; cpu++)
		switches(0, cpu, 0, 500 + (int)cpu);
	wakes(10 * MS, 0, FIRST);
	switches(3020 * MS, 0, 500, FIRST);
	measure(4000);
	t_ok(stats_compute(&made, &stats));
	ck_assert_double_eq(stats.cgroup[0].max_run_delay_us, 3010e3);
	stats_done(&stats);
	expect(KTSTR_FAIL, "tid 40 did not run for 3100 ms, from 10 to 3020 ms after the test began, then ran on cpu0",
	       NULL);
}
END_TEST

START_TEST(a_task_runs_where_it_may_not)
{
	for (unsigned changed = 0; changed < 2; changed++) {
		begin();
		made_load("a", 1, 0);
		add_workers(1);
		all_idle(0);
		wakes_among(10 * MS, 0, FIRST, 1);
		if (changed) /* the kernel will move it in a moment */
			add(SCHEDULE_ENQUEUE, 11 * MS, 0, FIRST, 2, SCHEDULE_CHANGE);
		switches(11 * MS, changed ? 0 : 1, 0, FIRST);
		measure(50);
		expect(changed ? KTSTR_PASS : KTSTR_FAIL,
		       changed ? NULL
			       : "tid 40 began to run 1 times on a CPU where it may not run, first on cpu1 11 ms",
		       NULL);
	}
}
END_TEST

/* --- shares by weight --------------------------------------------------------------------------------------------- */

struct weight_case {
	uint32_t heavy, light; /* cpu.weight */
	int nice;	       /* of the light load; the loads are in one cgroup then */
	uint64_t heavy_ms;     /* of each 10 ms */
	bool sleeps;	       /* the heavy workers do not always want to run */
	enum exact_support support;
	enum ktstr_verdict verdict;
	const char *cause, *unjudged;
	bool alone; /* there is one heavy worker only, so none waits while it runs */
};

static const struct weight_case weight_cases[] = {
	{ 1000, 10, 0, 5, false, EXACT_SUPPORTED, KTSTR_FAIL,
	  "cgroup 'heavy' got 50.0 % of the CPU time in 1.00 s in which all workers were ready to run: by its "
	  "cpu.weight it "
	  "should get 99.0 %, without it at most 66.7 % (limit 82.8 %, the middle)",
	  NULL },
	{ 1000, 10, 0, 9, false, EXACT_SUPPORTED, KTSTR_PASS, NULL, NULL },
	{ 1000, 10, 0, 7, false, EXACT_SUPPORTED, KTSTR_FAIL, "got 70.0 %", NULL },
	{ 120, 100, 0, 5, false, EXACT_SUPPORTED, KTSTR_PASS, NULL,
	  "should get 55 %, without it at most 67 %: too close" },
	{ 1000, 10, 0, 5, true, EXACT_SUPPORTED, KTSTR_PASS, NULL, "all workers must be ready to run for 98 %" },
	{ 1000, 10, 0, 5, false, EXACT_UNSUPPORTED, KTSTR_PASS, NULL,
	  "the scheduler does not support cpu.weight: it has no callback cgroup_set_weight" },
	{ 1000, 10, 0, 5, false, EXACT_UNKNOWN, KTSTR_PASS, NULL,
	  "it is not known whether the scheduler supports cpu.weight" },
	{ 0, 0, 10, 5, false, EXACT_SUPPORTED, KTSTR_FAIL, "by its nice value it should get 94.9 %", NULL },
	{ 1000, 10, 0, 5, false, EXACT_SUPPORTED, KTSTR_PASS, NULL,
	  "the heaviest, 'heavy', has 1 worker; it needs more workers than CPUs", true },
	{ 0, 0, 10, 9, false, EXACT_SUPPORTED, KTSTR_PASS, NULL, NULL },
};

/* Of a check that the test sets itself, the same is inconclusive. */
START_TEST(weights_that_somebody_asks_for_are_not_passed_over)
{
	begin();
	made_facts.limits.limit[LIMIT_WEIGHTS].origin = FROM_TEST;
	made_load("heavy", 1, 0);
	made.cgroup[0].cpu_weight = 1000;
	add_workers(1);
	made_load("light", 1, 0);
	made.cgroup[1].cpu_weight = 10;
	add_workers(1);
	measure(2000);
	expect(KTSTR_INCONCLUSIVE, "weights cannot be judged: all workers must be ready to run",
	       "the schedule of its workers was not recorded");
}
END_TEST

/* On CPU 0 for two seconds: a heavy worker and the light one, in turns of 10 ms. A second heavy worker always waits. */
static void share_a_cpu(const struct weight_case *c)
{
	int light = c->alone ? SECOND : THIRD;
	for (int pid = FIRST; pid <= light; pid++)
		wakes_among(0, 0, pid, 1);
	switch_as(0, 0, 9000, FIRST, SCHEDULE_DEAD);
	for (uint64_t at = 0; at < 2000; at += 10) {
		uint64_t turn = (at + c->heavy_ms) * MS;
		if (c->sleeps)
			add(SCHEDULE_DEQUEUE, turn, 0, FIRST, 0, SCHEDULE_SLEEP);
		switch_as(turn, 0, FIRST, light, c->sleeps ? SCHEDULE_SLEEPS : SCHEDULE_RUNS);
		if (c->sleeps)
			wakes_among((at + 10) * MS, 0, FIRST, 1);
		switches((at + 10) * MS, 0, light, FIRST);
	}
}

START_TEST(cpu_time_is_shared_by_weight)
{
	const struct weight_case *c = &weight_cases[_i];
	begin();
	made_facts.has_scheduler = c->support != EXACT_SUPPORTED;
	exact.attached = c->support == EXACT_UNSUPPORTED;
	exact.without_weight = 1;
	made_load("heavy", c->alone ? 1 : 2, 0);
	made.cgroup[0].cpu_weight = c->heavy;
	add_workers(c->alone ? 1 : 2);
	made_load(c->nice ? "heavy" : "light", 1, 0);
	made.cgroup[1].cpu_weight = c->light;
	made.cgroup[1].nice = c->nice;
	add_workers(1);
	share_a_cpu(c);
	measure(2000);
	expect(c->verdict, c->cause, c->unjudged);
}
END_TEST

/* --- what a scheduler does not support, and quotas ---------------------------------------------------------------- */

/* A declaration wins over callbacks, in both directions. */
START_TEST(a_declaration_says_what_is_supported)
{
	static const struct weight_case ignored = { 1000, 10, 0, 5, .support = EXACT_UNKNOWN };
	for (unsigned said = 0; said < 2; said++) {
		begin();
		made_facts.has_scheduler = true;
		made_facts.lacks = said ? KTSTR_LACKS(QUOTA, WEIGHT) : KTSTR_LACKS(NOTHING);
		exact.attached = 1;
		exact.without_weight = !said;
		made_load("heavy", 2, 0);
		made.cgroup[0].cpu_weight = ignored.heavy;
		add_workers(2);
		made_load("light", 1, 0);
		made.cgroup[1].cpu_weight = ignored.light;
		add_workers(1);
		share_a_cpu(&ignored);
		measure(2000);
		expect(said ? KTSTR_PASS : KTSTR_FAIL, said ? NULL : "got 50.0 % of the CPU time",
		       said ? "the scheduler does not support cpu.weight" : NULL);
		made_facts.lacks = 0;
	}
}
END_TEST

struct quota_case {
	uint32_t permyriad;
	uint64_t of_ten_ms; /* what the cgroup runs of each 10 ms */
	enum exact_support support;
	enum ktstr_verdict verdict;
	const char *cause, *unjudged;
};

static const struct quota_case quota_cases[] = {
	{ 5000, 9, EXACT_SUPPORTED, KTSTR_FAIL,
	  "cgroup 'capped' used 90.0 % of a CPU in 1.00 s, and its cpu.max allows 50.0 % (limit 72.5 %)", NULL },
	{ 5000, 7, EXACT_SUPPORTED, KTSTR_PASS, NULL, NULL },
	{ 5000, 2, EXACT_SUPPORTED, KTSTR_PASS, NULL, NULL },
	{ 0, 9, EXACT_SUPPORTED, KTSTR_PASS, NULL, NULL },
	{ 5000, 9, EXACT_UNSUPPORTED, KTSTR_PASS, NULL, "the scheduler does not support cpu.max" },
	{ 5000, 9, EXACT_UNKNOWN, KTSTR_PASS, NULL, "it is not known whether the scheduler supports cpu.max" },
};

START_TEST(a_cgroup_keeps_its_quota)
{
	const struct quota_case *c = &quota_cases[_i];
	begin();
	made_limit(LIMIT_IDLE_WAIT, KTSTR_OFF); /* a load with a quota is not judged by these */
	made_limit(LIMIT_IDLE_WAKEUP, KTSTR_OFF);
	made_facts.has_scheduler = c->support != EXACT_SUPPORTED;
	exact.attached = c->support == EXACT_UNSUPPORTED;
	exact.without_quota = 1;
	made_load("capped", 1, 0);
	made.cgroup[0].quota_permyriad = c->permyriad;
	add_workers(1);
	made_load("free", 1, 0);
	add_workers(1);
	wakes_among(0, 0, FIRST, 1);
	wakes_among(0, 0, SECOND, 1);
	switch_as(0, 0, 9000, FIRST, SCHEDULE_DEAD);
	for (uint64_t at = 0; at < 2000; at += 10) {
		switches((at + c->of_ten_ms) * MS, 0, FIRST, SECOND);
		switches((at + 10) * MS, 0, SECOND, FIRST);
	}
	for (unsigned cpu = 1; cpu < CPUS; cpu++)
		switch_as(0, cpu, 9000 + (int)cpu, 500 + (int)cpu, SCHEDULE_DEAD);
	measure(2000);
	expect(c->verdict, c->cause, c->unjudged);
}
END_TEST

struct hotplug_case {
	unsigned lacks, without;
	const char *said;
	bool expectation; /* something else failed, too */
	enum ktstr_verdict verdict;
	const char *cause;
};

#define GOES_OFFLINE "sched_ext: cpu 1 going offline, exiting scheduler"

static const struct hotplug_case hotplug_cases[] = {
	{ 0, 1, GOES_OFFLINE, false, KTSTR_SKIP, "does not support CPU hotplug" },
	{ 0, 0, GOES_OFFLINE, false, KTSTR_FAIL, "was disabled by the kernel" },
	{ KTSTR_LACKS(HOTPLUG), 0, GOES_OFFLINE, false, KTSTR_SKIP, "does not support CPU hotplug" },
	{ KTSTR_LACKS(WEIGHT, NICE, QUOTA), 1, GOES_OFFLINE, false, KTSTR_FAIL, "was disabled by the kernel" },
	{ 0, 1, "sched_ext: runnable task stall", false, KTSTR_FAIL, "was disabled by the kernel" },
	{ 0, 1, GOES_OFFLINE, true, KTSTR_FAIL, "was disabled by the kernel" },
};

START_TEST(the_kernel_ends_a_scheduler_without_hotplug)
{
	const struct hotplug_case *c = &hotplug_cases[_i];
	begin();
	made_facts.has_scheduler = true;
	made_facts.lacks = c->lacks;
	exact.attached = 1;
	exact.without_hotplug = c->without;
	made_sched(WIRE_SCHED_ENABLED, 0);
	made_sched(WIRE_SCHED_EJECTED, 0);
	made_text(WIRE_STREAM_KMSG, c->said);
	if (c->expectation)
		made_detail(true, "one and one make 2");
	measure(500);
	made_expect(c->verdict, c->cause);
	made_facts.lacks = 0;
	done();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, a_task_waits_beside_an_idle_cpu, 0, ARRAY_SIZE(idle_cases));
	tcase_add_loop_test(tc, nobody_waits_for_long_but_a_cpu_is_not_used, 0, ARRAY_SIZE(turns));
	tcase_add_test(tc, idle_cpus_of_other_nodes_do_not_count);
	tcase_add_test(tc, a_shared_clock_says_nothing_of_idle_cpus);
	tcase_add_test(tc, what_lasts_at_the_end_counts);
	tcase_add_test(tc, the_limit_can_be_set_and_switched_off);
	tcase_add_loop_test(tc, a_woken_task_waits_beside_an_idle_cpu, 0, ARRAY_SIZE(wakeup_cases));
	tcase_add_test(tc, exact_waits_replace_the_range_of_telemetry);
	tcase_add_test(tc, a_gap_is_the_recorded_wait);
	tcase_add_test(tc, a_task_runs_where_it_may_not);
	tcase_add_test(tc, weights_that_somebody_asks_for_are_not_passed_over);
	tcase_add_loop_test(tc, cpu_time_is_shared_by_weight, 0, ARRAY_SIZE(weight_cases));
	tcase_add_test(tc, a_declaration_says_what_is_supported);
	tcase_add_loop_test(tc, a_cgroup_keeps_its_quota, 0, ARRAY_SIZE(quota_cases));
	tcase_add_loop_test(tc, the_kernel_ends_a_scheduler_without_hotplug, 0, ARRAY_SIZE(hotplug_cases));
}

int main(void)
{
	return t_main("exact", fill);
}
