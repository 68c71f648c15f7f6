/* SPDX-License-Identifier: GPL-2.0-only */
/* What a series of samples says, against values that were worked out by hand. */
#include "monitor/summary.h"
#include "t.h"

#define MS 1000000ull

/* Readings of two CPUs: tasks, depths and clocks of each. */
static struct cpu_reading cpus[64][2];
static int64_t events[64][2];
static struct reading readings[64];

static void set(unsigned i, uint64_t run0, uint64_t run1, uint64_t depth0, uint64_t clock)
{
	cpus[i][0] = (struct cpu_reading){ .nr_running = run0, .local_dsq_nr = depth0, .clock = clock };
	cpus[i][1] = (struct cpu_reading){ .nr_running = run1, .clock = clock + 1 };
	readings[i] = (struct reading){ .at_ns = i * 100 * MS, .cpu = cpus[i], .cpus = 2 };
}

START_TEST(imbalance)
{
	static const struct {
		uint64_t run0, run1;
		double want;
	} rows[] = { { 4, 2, 2 }, { 3, 0, 3 }, { 0, 0, 0 }, { 1, 1, 1 }, { 0, 5, 5 }, { 7, 2, 3.5 } };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		set(0, rows[i].run0, rows[i].run1, 0, 1);
		ck_assert_double_eq(summary_imbalance(&readings[0]), rows[i].want);
	}
	ck_assert_double_eq(summary_imbalance(&(struct reading){ 0 }), 1);
}
END_TEST

START_TEST(readings_that_say_nothing)
{
	ck_assert_str_eq(summary_unusable(NULL, 0), "no monitor samples");
	set(0, 1, 1, 0, 10);
	set(1, 1, 1, 0, 20);
	ck_assert_ptr_null(summary_unusable(readings, 2));
	set(1, 1, 1, 10001, 20);
	ck_assert_str_eq(summary_unusable(readings, 2), "monitor data not yet initialized");
	set(1, 1, 1, 10000, 20);
	ck_assert_ptr_null(summary_unusable(readings, 2));
	for (unsigned i = 0; i < 2; i++)
		cpus[i][0].clock = cpus[i][1].clock = 7;
	ck_assert_str_eq(summary_unusable(readings, 2), "monitor data not yet initialized");
	readings[0].cpus = 1; /* one clock alone cannot be equal to another */
	ck_assert_ptr_null(summary_unusable(readings, 1));
}
END_TEST

START_TEST(stalls)
{
	struct cpu_reading a = { .nr_running = 1, .clock = 5 }, b = a;
	ck_assert(summary_is_stalled(&a, &b, 250));
	b.clock = 6;
	ck_assert(!summary_is_stalled(&a, &b, 250));
	a.clock = b.clock = 0; /* never read */
	ck_assert(!summary_is_stalled(&a, &b, 250));
	a.clock = b.clock = 5;
	b.nr_running = 0;
	ck_assert(!summary_is_stalled(&a, &b, 250));
	b.nr_running = 2;
	a.nr_running = 0;
	ck_assert(!summary_is_stalled(&a, &b, 250));
	a.nr_running = 1;
	/* 10 ticks of 4 ms: a vCPU that ran for less was not there to move its clock. */
	a.has_vcpu_time = b.has_vcpu_time = true;
	b.vcpu_ns = 40 * MS - 1;
	ck_assert(summary_was_preempted(&a, &b, 250) && !summary_is_stalled(&a, &b, 250));
	b.vcpu_ns = 40 * MS;
	ck_assert(!summary_was_preempted(&a, &b, 250) && summary_is_stalled(&a, &b, 250));
	b.vcpu_ns = 9 * MS;
	ck_assert(summary_was_preempted(&a, &b, 1000));
	b.has_vcpu_time = false; /* unknown */
	ck_assert(!summary_was_preempted(&a, &b, 250));
}
END_TEST

START_TEST(sums_and_averages)
{
	struct summary s;
	summary_of(readings, 0, 250, &s);
	ck_assert(s.samples == 0 && !s.stall_detected && s.max_imbalance == 0);
	set(0, 2, 1, 4, 10); /* 2 */
	set(1, 3, 0, 0, 20); /* 3 */
	set(2, 1, 1, 2, 30); /* 1 */
	set(3, 1, 1, 6, 30); /* 1, and both CPUs stand still */
	set(4, 0, 1, 0, 30); /* 1, and the second one still does */
	summary_of(readings, 5, 250, &s);
	ck_assert_uint_eq(s.samples, 5);
	ck_assert_double_eq(s.max_imbalance, 3);
	ck_assert_double_eq_tol(s.avg_imbalance, 1.6, 1e-12);
	ck_assert_double_eq(s.max_dsq_depth, 6);
	ck_assert_double_eq_tol(s.avg_dsq_depth, 1.2, 1e-12);
	ck_assert_double_eq_tol(s.avg_nr_running, 1.1, 1e-12);
	ck_assert(s.stall_detected && s.longest_stall == 2 && s.stalled_cpu == 1);
	ck_assert_uint_eq(s.duration_ns, 400 * MS);
	ck_assert(!s.has_events);
}
END_TEST

START_TEST(counters)
{
	static const int64_t series[][2] = { { 100, 5 }, { 110, 5 }, { 150, 0 }, { 155, 2 }, { 160, 4 } };
	struct summary s;
	for (unsigned i = 0; i < ARRAY_SIZE(series); i++) {
		set(i, 1, 1, 0, i + 1);
		events[i][0] = series[i][0];
		events[i][1] = series[i][1];
		readings[i].has_events = i != 3; /* one sample without: its neighbours are compared */
		readings[i].event = events[i];
		readings[i].events = 2;
	}
	summary_of(readings, ARRAY_SIZE(series), 250, &s);
	ck_assert(s.has_events && s.events == 2);
	ck_assert_int_eq(s.event_delta[0], 60);
	ck_assert_double_eq_tol(s.event_rate[0], 150, 1e-9);
	ck_assert_int_eq(s.event_burst[0], 40);
	ck_assert_int_eq(s.event_delta[1], 0); /* a counter that went back */
	ck_assert_int_eq(s.event_burst[1], 4);
	events[4][0] = INT64_MAX;
	events[0][0] = INT64_MIN;
	summary_of(readings, ARRAY_SIZE(series), 250, &s);
	ck_assert_int_eq(s.event_delta[0], 0);
	summary_of(readings, 1, 250, &s);
	ck_assert(!s.has_events);
}
END_TEST

START_TEST(warm_up)
{
	ck_assert_uint_eq(summary_warm_up(0), 0);
	ck_assert_uint_eq(summary_warm_up(20), 0);
	ck_assert_uint_eq(summary_warm_up(21), 0);
	ck_assert_uint_eq(summary_warm_up(22), 20);
	ck_assert_uint_eq(summary_warm_up(600), 20);
}
END_TEST

START_TEST(rates)
{
	double rate = 0;
	for (unsigned i = 0; i < 2; i++) {
		set(i, 1, 1, 0, 1);
		events[i][0] = 100 + 30 * i;
		readings[i].has_events = true;
		readings[i].event = events[i];
		readings[i].events = 1;
	}
	ck_assert(summary_rate(&readings[0], &readings[1], 0, &rate));
	ck_assert_double_eq_tol(rate, 300, 1e-9);
	ck_assert(summary_rate(&(struct reading){ .has_events = true, .event = events[1], .events = 1 }, &readings[1],
			       0, &rate));
	ck_assert_double_eq(rate, 0);
	ck_assert(!summary_rate(&readings[1], &readings[1], 0, &rate)); /* no time */
	ck_assert(!summary_rate(&readings[0], &readings[1], 1, &rate)); /* no such counter */
	ck_assert(!summary_rate(&readings[0], &readings[1], -1, &rate));
	readings[0].has_events = false;
	ck_assert(!summary_rate(&readings[0], &readings[1], 0, &rate));
}
END_TEST

START_TEST(sums_of_run_queues)
{
	struct summary s;
	for (unsigned i = 0; i < 3; i++) {
		set(i, 1, 1, 0, i + 1);
		readings[i].has_schedstat = 1u << SCHEDSTAT_run_delay | 1u << SCHEDSTAT_sched_count;
		readings[i].schedstat[SCHEDSTAT_run_delay] = 1000 + 500 * i;
		readings[i].schedstat[SCHEDSTAT_sched_count] = 9 - i;
	}
	readings[2].has_schedstat |= 1u << SCHEDSTAT_pcount; /* only in one of them */
	summary_of(readings, 3, 250, &s);
	ck_assert_uint_eq(s.has_schedstat, 1u << SCHEDSTAT_run_delay | 1u << SCHEDSTAT_sched_count);
	ck_assert_uint_eq(s.schedstat_delta[SCHEDSTAT_run_delay], 1000);
	ck_assert_double_eq_tol(s.schedstat_rate[SCHEDSTAT_run_delay], 5000, 1e-9);
	ck_assert_uint_eq(s.schedstat_delta[SCHEDSTAT_sched_count], 0); /* it went back */
	summary_of(readings, 1, 250, &s);
	ck_assert_uint_eq(s.has_schedstat, 0);
}
END_TEST

START_TEST(latencies_on_a_contended_host)
{
	static const uint64_t delay[] = { 0, 3 * MS, 1 * MS, 0, 5 * MS, 2 * MS };
	/* ceil(L / 100 ms) + 1 ticks. */
	ck_assert_uint_eq(summary_host_delay(delay, 6, 100 * MS, 1), 7 * MS);
	ck_assert_uint_eq(summary_host_delay(delay, 6, 100 * MS, 100 * MS), 7 * MS);
	ck_assert_uint_eq(summary_host_delay(delay, 6, 100 * MS, 100 * MS + 1), 7 * MS);
	ck_assert_uint_eq(summary_host_delay(delay, 6, 100 * MS, 300 * MS), 9 * MS);
	ck_assert_uint_eq(summary_host_delay(delay, 6, 100 * MS, 400 * MS), 11 * MS);
	ck_assert_uint_eq(summary_host_delay(delay, 6, 100 * MS, UINT64_MAX), 11 * MS);
	ck_assert_uint_eq(summary_host_delay(delay, 0, 100 * MS, 1), 0);
	ck_assert_int_eq(summary_judge_latency(10, 10, 0), LATENCY_WITHIN);
	ck_assert_int_eq(summary_judge_latency(11, 10, 0), LATENCY_OVER);
	ck_assert_int_eq(summary_judge_latency(15, 10, 5), LATENCY_INDETERMINATE);
	ck_assert_int_eq(summary_judge_latency(16, 10, 5), LATENCY_OVER);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, imbalance);
	tcase_add_test(tc, readings_that_say_nothing);
	tcase_add_test(tc, stalls);
	tcase_add_test(tc, sums_and_averages);
	tcase_add_test(tc, counters);
	tcase_add_test(tc, warm_up);
	tcase_add_test(tc, rates);
	tcase_add_test(tc, sums_of_run_queues);
	tcase_add_test(tc, latencies_on_a_contended_host);
}

int main(void)
{
	return t_main("monitor_summary", fill);
}
