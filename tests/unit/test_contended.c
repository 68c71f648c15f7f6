/* SPDX-License-Identifier: GPL-2.0-only */
/* Latencies of guests whose vCPUs did not always get a CPU of the host: over their limit, not over it, or unknown. */
#include <string.h>

#include "made.h"
#include "monitor/series.h"
#include "t.h"

#define MS 1000000ull

/* Ticks of 100 ms, in which the host let the vCPUs wait for so much; all others are quiet. */
static uint64_t waits[60];
static struct vcpu_time seen = { .known = true };
static struct series series;

static void begin(uint64_t wait_ms)
{
	made_begin();
	memset(waits, 0, sizeof(waits));
	for (unsigned i = 20; i < 24; i++)
		waits[i] = wait_ms * MS / 4;
	series = (struct series){ .running = true,
				  .host = { .tick_ns = 100 * MS,
					    .vcpus = 1,
					    .last = &seen,
					    .wait_ns = waits,
					    .ticks = ARRAY_SIZE(waits),
					    .cpu_ns = 5000 * MS,
					    .total_wait_ns = wait_ms * MS } };
	made.series = &series;
}

static void gap(uint64_t ms)
{
	made_load("a", 1, 0);
	made_worker(5, ms, 500, 1);
	made_result(KTSTR_PASS);
}

START_TEST(a_gap_is_blamed_only_beyond_what_the_host_added)
{
	begin(400);
	gap(3500);
	made_expect(KTSTR_FAIL, "tid 40 made no progress for 3500 ms");
	begin(500); /* it is over by as much */
	gap(3500);
	made_expect_unjudged(KTSTR_PASS, NULL,
			     "3500 ms is over the limit (3000 ms), but the vCPUs waited for CPUs of the host for up to "
			     "500 ms in as long a time (host dilation 1.10)");
	begin(500);
	made_limit(LIMIT_GAP, 3000);
	gap(3500);
	made_expect(KTSTR_INCONCLUSIVE, "max_gap_ms cannot be judged: 3500 ms is over the limit (3000 ms)");
	begin(5000);
	gap(3000); /* what is not over the limit needs no excuse */
	made_expect(KTSTR_PASS, NULL);
}
END_TEST

/* As much as the host added in all of the time says nothing about what it added in a short one. */
START_TEST(the_window_is_as_long_as_the_latency)
{
	begin(400);
	made_limit(LIMIT_GAP, 20);
	gap(150); /* in three ticks it was 300 ms */
	made_expect(KTSTR_INCONCLUSIVE, "for up to 300 ms");
	begin(400);
	waits[21] = waits[22] = 0;
	made_limit(LIMIT_GAP, 20);
	gap(150);
	made_expect(KTSTR_FAIL, "made no progress for 150 ms");
}
END_TEST

START_TEST(without_witness_a_limit_is_a_limit)
{
	for (int i = 0; i < 3; i++) {
		begin(5000);
		series.host.ticks = i ? ARRAY_SIZE(waits) : 0;
		seen.known = i != 1;
		series.host.failed = i == 2;
		gap(3001);
		made_expect(KTSTR_FAIL, "tid 40 made no progress for 3001 ms");
		seen.known = true;
	}
}
END_TEST

/* The longest gap may be the host's, and a shorter one not: the host was busy twice, a long time apart. */
START_TEST(another_worker_may_be_over_for_sure)
{
	for (int sure = 0; sure < 2; sure++) {
		begin(0);
		waits[5] = waits[45] = 2500 * MS; /* of many vCPUs */
		made_limit(LIMIT_GAP, 10);
		made_load("a", 2, 0);
		made_worker(5, 4500, 500, 1);
		made_worker(5, sure ? 2600 : 2400, 500, 1);
		made_result(KTSTR_PASS);
		made_expect(sure ? KTSTR_FAIL : KTSTR_INCONCLUSIVE,
			    sure ? "tid 41 made no progress for 2600 ms" : "4500 ms is over the limit (10 ms)");
	}
}
END_TEST

START_TEST(run_delays_and_wakeups_are_judged_alike)
{
	static const uint32_t wakes[] = { 1000, 2000, 50000 };
	for (int busy = 0; busy < 2; busy++) {
		begin(busy ? 400 : 0);
		made_limit(LIMIT_RUN_DELAY, 100);
		made_load("a", 1, 0);
		made_worker(5, 1, 500, 1);
		made.worker[0].wire.max_delay_ns = made.worker[0].wire.max_delay_most_ns = 250 * MS;
		made_result(KTSTR_PASS);
		made_expect(busy ? KTSTR_INCONCLUSIVE : KTSTR_FAIL,
			    busy ? "max_run_delay_ms cannot be judged: 250 ms is over the limit (100 ms)"
				 : "tid 40 was ready to run, but did not run, for 250 ms");
		begin(busy ? 400 : 0);
		made_limit(LIMIT_P99_WAKE, 4999);
		made_load("a", 1, 0);
		made_waker(10, 0, wakes, 3);
		made_result(KTSTR_PASS);
		made_expect(busy ? KTSTR_INCONCLUSIVE : KTSTR_FAIL,
			    busy ? "max_p99_wake_latency_ns cannot be judged: 50 us is over the limit"
				 : "p99 wake latency 50 us");
	}
}
END_TEST

START_TEST(a_slow_end_on_a_busy_host_says_nothing)
{
	for (int busy = 0; busy < 2; busy++) {
		begin(busy ? 600 : 400); /* of 5 s */
		made_result(KTSTR_PASS);
		made_facts.cleanup_budget = 5 * MS;
		made.cleanup = 7 * MS;
		made_expect(busy ? KTSTR_INCONCLUSIVE : KTSTR_FAIL,
			    busy ? "cleanup_budget_ms cannot be judged: the machine took 7 ms"
				 : "the machine took 7 ms to end after the test, and cleanup_budget_ms is 5");
	}
	made_facts.cleanup_budget = 0;
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_gap_is_blamed_only_beyond_what_the_host_added);
	tcase_add_test(tc, the_window_is_as_long_as_the_latency);
	tcase_add_test(tc, without_witness_a_limit_is_a_limit);
	tcase_add_test(tc, another_worker_may_be_over_for_sure);
	tcase_add_test(tc, run_delays_and_wakeups_are_judged_alike);
	tcase_add_test(tc, a_slow_end_on_a_busy_host_says_nothing);
}

int main(void)
{
	return t_main("contended", fill);
}
