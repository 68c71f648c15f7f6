/* SPDX-License-Identifier: GPL-2.0-only */
/* samples.c -- tests whose verdict depends on samples of the guest, or on what the host gave to its vCPUs. */
#include <ktstr/ktstr.h>

KTSTR_SCHEDULER(simple, .binary = "scx_simple");

/*
 * Six tasks on one CPU, and none on the other, as seen by every sample but the last ones. Of more than 20 samples, the
 * first 20 are not judged.
 */
static enum ktstr_verdict crowd(struct ktstr_ctx *t)
{
	return ktstr_run_cgroups(
		t, KTSTR_CGROUPS({ .name = "crowd", .workers = 6, .affinity = KTSTR_AFFINITY(SINGLE_CPU) }));
}

#define SAMPLED(name, most)                                                 \
	KTSTR_TEST(name, .scheduler = &simple, .cores = 2, .duration_s = 3, \
		   .checks = { .enforce = KTSTR_ON,                         \
			       .max_imbalance_ratio = (most),               \
			       .max_fallback_rate = KTSTR_OFF,              \
			       .max_keep_last_rate = KTSTR_OFF,             \
			       .sustained_samples = 1,                      \
			       .fail_on_stall = KTSTR_OFF,                  \
			       .not_stuck = KTSTR_OFF })                    \
	{                                                                   \
		return crowd(t);                                            \
	}

SAMPLED(crowd_is_too_much, 2)
SAMPLED(crowd_is_allowed, 50)

/* In the lab, two busy vCPUs share one CPU. */
KTSTR_TEST(gaps_of_a_busy_host, .cores = 2, .duration_s = 1, .checks = { .max_gap_ms = 0.01 })
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "spin", .workers = 2 }));
}

/* Tasks wait in a queue that nobody takes them from. They are the scheduler's, so the host has no part in it. */
KTSTR_SCHEDULER(stall, .binary = "scx_misbehave", .args = KTSTR_ARGS("stall", "200"));

KTSTR_TEST(stalled, .scheduler = &stall, .cores = 2, .duration_s = 2, .checks = { .max_gap_ms = 1000 })
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "crowd", .workers = 4 }));
}
