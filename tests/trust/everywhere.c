/* SPDX-License-Identifier: GPL-2.0-only */
/* everywhere.c -- one test that runs on every preset, to test and time the gauntlet. */
#include <ktstr/ktstr.h>

KTSTR_TEST(everywhere, .llcs = 1, .cores = 2, .duration_s = 2, .max_llcs = 15, .max_cpus = 252, .max_numa_nodes = 4)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "spin", .workers = 3 },
						  { .name = "burst",
						    .workers = 2,
						    .work = KTSTR_WORK(BURSTY, .burst_ms = 20, .sleep_ms = 30) }));
}
