/* SPDX-License-Identifier: GPL-2.0-only */
/* The monitor's limits: series made by hand, and what comes of them. */
#include <string.h>

#include "made.h"
#include "t.h"
#include "verdict/monitor_checks.h"

#define MS	    1000000ull
#define SAMPLES_MAX 64
#define START	    (1000 * MS) /* when the test's only step begins; records of made.c have this time, too */

/* Readings of two CPUs, each 100 ms from START on, in which nothing is wrong. */
static struct cpu_reading cpus[SAMPLES_MAX][2];
static int64_t events[SAMPLES_MAX][2];
static struct reading readings[SAMPLES_MAX];
static struct series series;

static void begin(unsigned count, bool has_events)
{
	struct wire_phase phase = { .kind = WIRE_PHASE_STEP_START };
	made_begin();
	made_facts.limits = thresholds_default(false);
	made_take(WIRE_PHASE, &phase, sizeof(phase));
	made_result(KTSTR_PASS);
	made.last_ns = START + count * 100 * MS;
	memset(events, 0, sizeof(events));
	for (unsigned i = 0; i < count; i++) {
		cpus[i][0] = (struct cpu_reading){ .nr_running = 2, .local_dsq_nr = 1, .clock = 100 + i };
		cpus[i][1] = (struct cpu_reading){ .nr_running = 1, .clock = 200 + i };
		readings[i] = (struct reading){ .at_ns = START + i * 100 * MS,
						.cpu = cpus[i],
						.cpus = 2,
						.scx = true,
						.has_events = has_events,
						.event = events[i],
						.events = has_events ? 2 : 0 };
	}
	series = (struct series){ .cpus = 2,
				  .count = count,
				  .reading = readings,
				  .events = has_events ? 2 : 0,
				  .event_name = { "dispatch_keep_last", "select_cpu_fallback" } };
	made.series = &series;
}

static void enforce(void)
{
	made_limit(LIMIT_ENFORCE, 1);
}

/* Sets a value of samples @from to @to. */
#define EACH(from, to, value, to_value)                        \
	for (unsigned i_ = (from); i_ <= (unsigned)(to); i_++) \
	(value) = (to_value)

/* --- one broken limit after the other ----------------------------------------------------------------------------- */

static void imbalanced(void)
{
	EACH(3, 8, cpus[i_][0].nr_running,
	     i_ == 5 ? 5 : 9 - i_ / 8 * 4); /* the fewest are 1: ratios 9, 9, 5, 9, 9, 5 */
}

static void deep(void)
{
	EACH(2, 6, cpus[i_][1].local_dsq_nr, 51 + i_);
}

static void stalled(void)
{
	EACH(5, 9, cpus[i_][1].clock, 204);
}

static void falling_back(void)
{
	EACH(1, 20, events[i_][1], i_ < 3 ? 0 : 25 * (int64_t)(MIN_OF(i_, 7) - 2));
}

static void keeping(void)
{
	EACH(1, 20, events[i_][0], i_ < 10 ? 0 : 11 * (int64_t)(MIN_OF(i_, 14) - 9));
}

static const struct {
	void (*break_it)(void);
	const char *says;
} broken[] = {
	{ imbalanced, "imbalance ratio 9.0 exceeded threshold 4.0 for 6 consecutive samples (ending at sample 8)" },
	{ deep, "local DSQ depth 57 on cpu1 exceeded threshold 50 for 5 consecutive samples (ending at sample 6)" },
	{ stalled, "rq_clock stall on cpu1 for 5 consecutive samples (ending at sample 9, clock=204)" },
	{ falling_back,
	  "fallback rate 250.0/s exceeded threshold 200.0/s for 5 consecutive intervals (ending at sample 7)" },
	{ keeping,
	  "keep_last rate 110.0/s exceeded threshold 100.0/s for 5 consecutive intervals (ending at sample 14)" },
};

START_TEST(a_limit_that_is_broken_for_long_enough)
{
	begin(20, true);
	broken[_i].break_it();
	enforce();
	char cause[300];
	snprintf(cause, sizeof(cause), "passed scenario but monitor failed: %s", broken[_i].says);
	made_expect(KTSTR_FAIL, cause);
}
END_TEST

START_TEST(without_enforce_it_is_recorded)
{
	begin(20, true);
	broken[_i].break_it();
	t_ok(judge(&made, &made_facts, &made_judgement));
	ck_assert_int_eq(made_judgement.verdict, KTSTR_PASS);
	ck_assert(made_judgement.monitor_judged && made_judgement.violations == 1 && !made_judgement.details);
	ck_assert_str_eq(made_judgement.violation[0], broken[_i].says);
	made_end();
}
END_TEST

START_TEST(a_shorter_run_breaks_nothing)
{
	begin(20, true);
	broken[_i].break_it();
	enforce();
	made_limit(LIMIT_SUSTAINED, 7);
	made_expect(KTSTR_PASS, NULL);
}
END_TEST

START_TEST(what_is_switched_off_is_not_judged)
{
	static const enum threshold which[] = { LIMIT_IMBALANCE, LIMIT_DSQ_DEPTH, LIMIT_STALL, LIMIT_FALLBACK_RATE,
						LIMIT_KEEP_LAST_RATE };
	begin(20, true);
	broken[_i].break_it();
	enforce();
	made_limit(which[_i], KTSTR_OFF);
	made_expect(KTSTR_PASS, NULL);
}
END_TEST

/* --- runs --------------------------------------------------------------------------------------------------------- */

START_TEST(good_samples_pass)
{
	begin(20, true);
	enforce();
	t_ok(judge(&made, &made_facts, &made_judgement));
	ck_assert(made_judgement.verdict == KTSTR_PASS && made_judgement.monitor_judged);
	ck_assert(!made_judgement.violations && made_judgement.values == 5);
	ck_assert_str_eq(made_judgement.value[0],
			 "monitor: max_imbalance_ratio up to 2 (limit 4; 0 samples in a row were above, 5 break it)");
	ck_assert_str_eq(made_judgement.value[2], "monitor: fail_on_stall: 0 samples in a row (5 break it)");
	made_end();
}
END_TEST

START_TEST(one_good_sample_ends_a_run)
{
	begin(20, true);
	imbalanced();
	enforce();
	cpus[6][0].nr_running = 4; /* 3 to 5, 7 and 8 remain */
	made_expect(KTSTR_PASS, NULL);
}
END_TEST

START_TEST(one_sample_breaks_a_limit_if_the_test_says_so)
{
	begin(20, true);
	cpus[7][0].nr_running = 5;
	enforce();
	made_limit(LIMIT_SUSTAINED, _i ? KTSTR_OFF : 1);
	made_expect(KTSTR_FAIL,
		    "imbalance ratio 5.0 exceeded threshold 4.0 for 1 consecutive samples (ending at sample 7)");
}
END_TEST

START_TEST(a_limit_of_the_test_counts)
{
	begin(20, true);
	enforce();
	made_limit(LIMIT_IMBALANCE, 1.25);
	made_expect(KTSTR_FAIL,
		    "imbalance ratio 2.0 exceeded threshold 1.25 for 20 consecutive samples (ending at sample 19)");
}
END_TEST

/* With more than 20 samples, the first 20 do not count. The number of a sample is that from the step's begin. */
START_TEST(a_warm_up_is_left_out)
{
	begin(40, true);
	enforce();
	EACH(15, 23, cpus[i_][0].nr_running, 9);
	t_ok(judge(&made, &made_facts, &made_judgement));
	ck_assert_int_eq(made_judgement.verdict, KTSTR_PASS);
	made_end();
	begin(40, true);
	enforce();
	EACH(15, 24, cpus[i_][0].nr_running, 9);
	made_expect(KTSTR_FAIL, "for 5 consecutive samples (ending at sample 24)");
}
END_TEST

START_TEST(samples_before_the_test_do_not_count)
{
	begin(20, true);
	enforce();
	EACH(0, 7, readings[i_].at_ns, START - 1000 * MS + i_);
	imbalanced();
	made_expect(KTSTR_PASS, NULL);
}
END_TEST

/* Idle CPUs, and ones whose clock was never read, do not stall. */
START_TEST(idle_cpus_do_not_stall)
{
	begin(20, true);
	stalled();
	enforce();
	if (_i)
		EACH(5, 9, cpus[i_][1].clock, 0);
	else
		cpus[7][1].nr_running = 0;
	made_expect(KTSTR_PASS, NULL);
}
END_TEST

START_TEST(without_a_scheduler_a_sample_says_nothing)
{
	begin(20, true);
	broken[_i].break_it();
	enforce();
	EACH(5, 5, readings[i_].scx, false);
	EACH(12, 12, readings[i_].scx, false);
	made_expect(KTSTR_PASS, NULL);
}
END_TEST

/* --- what cannot be judged ---------------------------------------------------------------------------------------- */

static void no_samples(void)
{
	series.count = 0;
	made.no_series = "the backend 'kvm' has no observer";
}

static void garbage(void)
{
	cpus[3][0].local_dsq_nr = 10001;
}

static void detached(void)
{
	EACH(0, 19, readings[i_].scx, false);
}

static const struct {
	void (*spoil)(void);
	const char *why;
} spoilt[] = {
	{ no_samples, "no monitor samples: the backend 'kvm' has no observer" },
	{ garbage, "monitor data not yet initialized" },
	{ detached, "no sample saw a scheduler attached" },
};

START_TEST(a_default_that_cannot_be_judged_changes_nothing)
{
	begin(20, true);
	spoilt[_i].spoil();
	made_expect_unjudged(KTSTR_PASS, NULL, spoilt[_i].why);
}
END_TEST

START_TEST(a_check_that_was_set_is_inconclusive_then)
{
	char cause[200];
	begin(20, true);
	spoilt[_i].spoil();
	made_limit(LIMIT_DSQ_DEPTH, 10);
	snprintf(cause, sizeof(cause), "max_local_dsq_depth cannot be judged: %s", spoilt[_i].why);
	made_expect_unjudged(KTSTR_INCONCLUSIVE, cause, spoilt[_i].why);
	begin(20, true);
	spoilt[_i].spoil();
	enforce();
	made_expect(KTSTR_INCONCLUSIVE, spoilt[_i].why);
}
END_TEST

START_TEST(a_kernel_without_counters)
{
	begin(20, false);
	made_expect_unjudged(KTSTR_PASS, NULL, "this kernel has no counters of sched_ext events");
	begin(20, false);
	made_limit(LIMIT_KEEP_LAST_RATE, 5);
	made_expect_unjudged(KTSTR_INCONCLUSIVE, "max_keep_last_rate cannot be judged: this kernel has no counters",
			     "this kernel has no counters");
	begin(20, false);
	enforce();
	made_expect(KTSTR_INCONCLUSIVE, "max_fallback_rate cannot be judged");
	begin(20, false);
	enforce();
	made_limit(LIMIT_FALLBACK_RATE, KTSTR_OFF);
	made_limit(LIMIT_KEEP_LAST_RATE, KTSTR_OFF);
	made_expect(KTSTR_PASS, NULL);
}
END_TEST

START_TEST(without_sched_ext_only_what_was_set_matters)
{
	begin(20, false);
	made_facts.has_scheduler = false;
	imbalanced();
	made_expect(KTSTR_PASS, NULL);
	begin(20, false);
	made_facts.has_scheduler = false;
	made_limit(LIMIT_IMBALANCE, 3);
	made_expect(KTSTR_INCONCLUSIVE, "max_imbalance_ratio cannot be judged: the test has no sched_ext scheduler");
}
END_TEST

START_TEST(a_test_that_failed_else_is_not_judged)
{
	begin(20, true);
	imbalanced();
	enforce();
	made_detail(true, "something else");
	t_ok(judge(&made, &made_facts, &made_judgement));
	ck_assert(made_judgement.verdict == KTSTR_FAIL && made_judgement.details == 1);
	ck_assert(!made_judgement.monitor_judged && !made_judgement.violations);
	made_end();
}
END_TEST

START_TEST(a_finding_of_the_monitor_can_be_expected)
{
	begin(20, true);
	made_facts.expect_err = true;
	made_facts.expect_finding = KTSTR_FINDING_MONITOR;
	imbalanced();
	enforce();
	made_expect(KTSTR_PASS, NULL);
}
END_TEST

START_TEST(a_watchdog_that_could_not_be_set_is_told)
{
	begin(20, true);
	made_sched(WIRE_SCHED_ENABLED, 0);
	made_facts.watchdog_s = 5;
	made.watchdog_set = true;
	made_expect(KTSTR_PASS, NULL);
	begin(20, true);
	made_sched(WIRE_SCHED_ENABLED, 0);
	made_facts.watchdog_s = 5;
	made.no_series = "the run has --no-monitor";
	made_expect_unjudged(KTSTR_PASS, NULL,
			     "the kernel's watchdog has the scheduler's own time: the run has --no-monitor");
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, a_limit_that_is_broken_for_long_enough, 0, ARRAY_SIZE(broken));
	tcase_add_loop_test(tc, without_enforce_it_is_recorded, 0, ARRAY_SIZE(broken));
	tcase_add_loop_test(tc, a_shorter_run_breaks_nothing, 0, ARRAY_SIZE(broken));
	tcase_add_loop_test(tc, what_is_switched_off_is_not_judged, 0, ARRAY_SIZE(broken));
	tcase_add_test(tc, good_samples_pass);
	tcase_add_test(tc, one_good_sample_ends_a_run);
	tcase_add_loop_test(tc, one_sample_breaks_a_limit_if_the_test_says_so, 0, 2);
	tcase_add_test(tc, a_limit_of_the_test_counts);
	tcase_add_test(tc, a_warm_up_is_left_out);
	tcase_add_test(tc, samples_before_the_test_do_not_count);
	tcase_add_loop_test(tc, idle_cpus_do_not_stall, 0, 2);
	tcase_add_loop_test(tc, without_a_scheduler_a_sample_says_nothing, 0, ARRAY_SIZE(broken));
	tcase_add_loop_test(tc, a_default_that_cannot_be_judged_changes_nothing, 0, ARRAY_SIZE(spoilt));
	tcase_add_loop_test(tc, a_check_that_was_set_is_inconclusive_then, 0, ARRAY_SIZE(spoilt));
	tcase_add_test(tc, a_kernel_without_counters);
	tcase_add_test(tc, without_sched_ext_only_what_was_set_matters);
	tcase_add_test(tc, a_test_that_failed_else_is_not_judged);
	tcase_add_test(tc, a_finding_of_the_monitor_can_be_expected);
	tcase_add_test(tc, a_watchdog_that_could_not_be_set_is_told);
}

int main(void)
{
	return t_main("monitor_checks", fill);
}
