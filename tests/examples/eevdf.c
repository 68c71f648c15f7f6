/* SPDX-License-Identifier: GPL-2.0-only */
/* eevdf.c -- tests of the kernel's own scheduler; every kernel should pass them. */
#include <ktstr/ktstr.h>

KTSTR_TEST(eevdf_two_cgroups, .llcs = 1, .cores = 2, .duration_s = 2)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "cg_0", .workers = 2 },
						  { .name = "cg_1",
						    .workers = 2,
						    .work = KTSTR_WORK(BURSTY, .burst_ms = 20, .sleep_ms = 30) }));
}

/* One kind of work after the other, over two NUMA nodes. */
KTSTR_TEST(eevdf_work_types, .numa_nodes = 2, .llcs = 2, .cores = 2, .duration_s = 2)
{
	return ktstr_run_steps(
		t,
		KTSTR_STEPS(
			{ .name = "mixed",
			  .hold = KTSTR_HOLD_SHARE(0.2),
			  .cgroups = KTSTR_CGROUPS({ .name = "mixed", .workers = 2, .work = KTSTR_WORK(MIXED) }) },
			{ .name = "yield",
			  .hold = KTSTR_HOLD_SHARE(0.2),
			  .cgroups =
				  KTSTR_CGROUPS({ .name = "yield", .workers = 2, .work = KTSTR_WORK(YIELD_HEAVY) }) },
			{ .name = "pipe",
			  .hold = KTSTR_HOLD_SHARE(0.2),
			  .cgroups = KTSTR_CGROUPS({ .name = "pipe", .workers = 2, .work = KTSTR_WORK(PIPE_IO) }) },
			{ .name = "futex",
			  .hold = KTSTR_HOLD_SHARE(0.2),
			  .cgroups = KTSTR_CGROUPS(
				  { .name = "futex", .workers = 2, .work = KTSTR_WORK(FUTEX_PING_PONG) }) },
			{ .name = "fork",
			  .hold = KTSTR_HOLD_SHARE(0.2),
			  .cgroups = KTSTR_CGROUPS({ .name = "fork", .workers = 1, .work = KTSTR_WORK(FORK_EXIT) }) }));
}

/* Each cgroup has its own LLC; a worker that runs on any other CPU fails the test. */
KTSTR_TEST(eevdf_cpusets, .llcs = 2, .cores = 2, .min_llcs = 2, .duration_s = 2)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "left", .workers = 2, .cpuset = KTSTR_LLC(0) },
						  { .name = "right", .workers = 2, .cpuset = KTSTR_LLC(1) }));
}

/* With many tasks, CPU shares within one second are random, also under EEVDF: only starvation is checked. */
KTSTR_TEST(eevdf_steps, .cores = 2, .threads = 2, .duration_s = 2, .checks = { .max_spread_pct = 80 })
{
	return ktstr_run_steps(
		t, KTSTR_STEPS({ .name = "alone",
				 .cgroups = KTSTR_CGROUPS({ .name = "a", .workers = 4 }),
				 .hold = KTSTR_HOLD_SHARE(0.5) },
			       { .name = "crowd",
				 .cgroups = KTSTR_CGROUPS({ .name = "a", .workers = 4 }, { .name = "b", .workers = 4 }),
				 .hold = KTSTR_HOLD_SHARE(0.5) }));
}

static void count_squares(struct ktstr_worker *w, void *arg)
{
	volatile unsigned *sum = arg;
	while (!ktstr_worker_stopped(w)) {
		for (unsigned i = 0; i < 2048; i++)
			*sum += i * i;
		ktstr_worker_turn(w, 2048);
	}
}

KTSTR_TEST(eevdf_custom_work, .cores = 2, .duration_s = 1)
{
	static unsigned sum;
	ktstr_expect(t, ktstr_ctx_cpus(t) == 2, "the guest has %u CPUs, not 2", ktstr_ctx_cpus(t));
	return ktstr_run_cgroups(
		t, KTSTR_CGROUPS({ .name = "squares",
				   .workers = 2,
				   .work = KTSTR_WORK(CUSTOM, .name = "squares", .fn = count_squares, .arg = &sum) }));
}
