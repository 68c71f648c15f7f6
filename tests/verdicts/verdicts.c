/* SPDX-License-Identifier: GPL-2.0-only */
/* verdicts.c -- tests with a known verdict, under the kernel's own scheduler, which is healthy: vm/verdicts.py. */
#include <ktstr/ktstr.h>

/* Workers that do not divide by the CPUs, for the shortest time that the strict limits judge. */
KTSTR_TEST(odd_crowds, .cores = 2, .duration_s = 3)
{
	return ktstr_run_steps(t, KTSTR_STEPS({ .name = "five",
						.hold = KTSTR_HOLD_MS(1000),
						.cgroups = KTSTR_CGROUPS({ .name = "five", .workers = 5 }) },
					      { .name = "seven",
						.hold = KTSTR_HOLD_MS(1000),
						.cgroups = KTSTR_CGROUPS({ .name = "seven", .workers = 7 }) },
					      { .name = "three",
						.hold = KTSTR_HOLD_MS(1000),
						.cgroups = KTSTR_CGROUPS({ .name = "three", .workers = 3 }) }));
}

/* A worker that gets very little CPU time does so because the test asks for it. */
KTSTR_TEST(weights_starve, .cores = 2, .duration_s = 4)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "hi", .workers = 2, .limits = { .cpu_weight = 10000 } },
						  { .name = "lo", .workers = 2, .limits = { .cpu_weight = 1 } }));
}

KTSTR_TEST(quota_starves, .cores = 2, .duration_s = 4)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "q",
						    .workers = 8,
						    .limits = { .cpu_quota_us = 10000, .cpu_period_us = 1000000 } }));
}

#define SPIN                                 \
	{                                    \
		.name = "spin", .workers = 4 \
	}
#define NAP(...)                                                                                       \
	{                                                                                              \
		.name = "nap", .workers = 2, .work = KTSTR_WORK(IDLE_CHURN), .checks = { __VA_ARGS__ } \
	}

/* A limit of the test applies to the loads that sleep. */
KTSTR_TEST(latency_beside_spinners, .cores = 2, .duration_s = 1,
	   .checks = { .max_p99_wake_latency_ns = 1e9, .gate_on_tcg = KTSTR_ON, .max_run_delay_ms = 500 })
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS(SPIN, NAP()));
}

/*
 * Two spinners share each CPU, and each waits for the slice of the other.
 * That is a short wait, but longer than the limit.
 */
KTSTR_TEST(waits_of_spinners, .cores = 2, .duration_s = 1, .checks = { .max_run_delay_ms = 2 })
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS(SPIN));
}

KTSTR_TEST(latency_of_one_load, .cores = 2, .duration_s = 1)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS(SPIN, NAP(.max_p99_wake_latency_ns = 1, .gate_on_tcg = KTSTR_ON)));
}

/* A load that overrides a limit of the test. */
KTSTR_TEST(latency_but_not_of_this_one, .cores = 2, .duration_s = 1,
	   .checks = { .max_p99_wake_latency_ns = 1, .gate_on_tcg = KTSTR_ON })
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS(SPIN, NAP(.max_p99_wake_latency_ns = KTSTR_OFF)));
}

KTSTR_TEST(latency_of_spinners, .cores = 2, .duration_s = 1)
{
	return ktstr_run_cgroups(
		t, KTSTR_CGROUPS({ .name = "spin",
				   .workers = 4,
				   .checks = { .max_p99_wake_latency_ns = 1e9, .gate_on_tcg = KTSTR_ON } },
				 NAP()));
}

KTSTR_TEST(rate_of_two_cpus, .cores = 2, .duration_s = 1,
	   .checks = { .min_iteration_rate = 1, .gate_on_tcg = KTSTR_ON })
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS(SPIN));
}

/* Limits on what was recorded. Spinners have no wake-ups to speak of, so a limit of the test on wake-ups skips them. */
KTSTR_TEST(percentiles_kept, .llcs = 2, .cores = 1, .duration_s = 1,
	   .checks = { .max_p99_wakeup_ms = 100, .max_llc_migration_rate = 100, .min_llc_stability = 0.5 })
{
	return ktstr_run_cgroups(t,
				 KTSTR_CGROUPS({ .name = "spin", .workers = 4, .checks = { .max_p50_wait_ms = 100 } },
					       NAP(.max_p50_wakeup_ms = 50, .max_p90_wait_ms = 100)));
}

KTSTR_TEST(percentile_broken, .cores = 2, .duration_s = 1)
{
	return ktstr_run_cgroups(
		t, KTSTR_CGROUPS({ .name = "spin", .workers = 4, .checks = { .max_p50_wait_ms = 0.01 } }, NAP()));
}
