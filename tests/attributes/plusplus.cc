/* SPDX-License-Identifier: GPL-2.0-only */
/* plusplus.cc -- a suite in C++: every macro that makes a list or a value. */
#include <ktstr/ktstr.h>
#include <ktstr/wire.h>

KTSTR_SCHEDULER(simple, .binary = "scx_simple", .args = KTSTR_ARGS("-f"), .topology = { .llcs = 2, .cores = 4 },
		.checks = { .max_gap_ms = KTSTR_OFF });

KTSTR_PAYLOAD(tool, .binary = "true", .args = KTSTR_ARGS("--help"), .checks = KTSTR_PAYLOAD_CHECKS(KTSTR_EXIT_CODE(0)));

KTSTR_TEST(in_order, .scheduler = &simple, .staged = KTSTR_STAGED(&simple), .min_llcs = 2, .duration_s = 3,
	   .known_fail = KTSTR_KNOWN_FAIL({ .kernel = "5.0", .reason = "too old" }))
{
	return KTSTR_PASS;
}

KTSTR_TEST(out_of_range, .llcs = 1)
{
	const char *name = "a name of its own";
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = name, .workers = 1, .cpuset = KTSTR_LLC(3) }));
}

KTSTR_TEST(everything, .llcs = 2, .workloads = KTSTR_PAYLOADS(&tool))
{
	const char *left = "left";
	ktstr_expect(t, ktstr_ctx_cpus(t) == 4, "4 CPUs, not %u", ktstr_ctx_cpus(t));
	if (KTSTR_RUN_PAYLOAD(t, &tool) != KTSTR_PASS)
		return KTSTR_FAIL;
	return ktstr_run_scenario(
		t,
		KTSTR_SCENARIO(.backdrop = { .cgroups = KTSTR_CGROUPS({ .name = left,
									.policy = KTSTR_POLICY(BATCH),
									.cpuset = KTSTR_LLC(0) }) },
			       .steps = KTSTR_STEPS(
				       { .name = "before", .hold = KTSTR_HOLD_SHARE(0.2) },
				       { .name = "after",
					 .ops = KTSTR_OPS(KTSTR_OP(SET_CPUSET, .cgroup = left, .cpuset = KTSTR_LLC(1))),
					 .cgroups = KTSTR_CGROUPS(
						 { .name = "right",
						   .work = KTSTR_WORK(BURSTY, .burst_ms = 5),
						   .workers_share = 0.5,
						   .affinity = KTSTR_AFFINITY(INHERIT),
						   .nice = KTSTR_NICE(3),
						   .loads = KTSTR_LOADS(
							   { .work = KTSTR_WORK(
								     SEQUENCE,
								     .phases = KTSTR_PHASES(
									     { .kind = KTSTR_PHASE_SPIN, .us = 5 })),
							     .workers = 1 }) }),
					 .hold = KTSTR_HOLD_SHARE(0.2) })));
}
