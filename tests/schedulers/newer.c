/* SPDX-License-Identifier: GPL-2.0-only */
/* newer.c -- the sched_ext schedulers that trees after Linux 6.12 have in addition to those of tests/examples. */
#include <ktstr/ktstr.h>

KTSTR_SCHEDULER(cpu0, .binary = "scx_cpu0");
KTSTR_SCHEDULER(pair, .binary = "scx_pair");
KTSTR_SCHEDULER(sdt, .binary = "scx_sdt");
KTSTR_SCHEDULER(userland, .binary = "scx_userland");

/* Every scheduler must handle this: spinning and sleeping tasks in two cgroups, more tasks than CPUs. */
static enum ktstr_verdict crowd(struct ktstr_ctx *t)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "spin", .workers = 3 },
						  { .name = "burst",
						    .workers = 2,
						    .work = KTSTR_WORK(BURSTY, .burst_ms = 20, .sleep_ms = 30) }));
}

/* It lets all tasks run on CPU 0, which is what it is for, so that the other CPU is idle. */
KTSTR_TEST(cpu0_crowd, .scheduler = &cpu0, .cores = 2,
	   .checks = { .max_idle_wait_ms = KTSTR_OFF, .max_idle_wakeup_ms = KTSTR_OFF })
{
	return crowd(t);
}
KTSTR_TEST(pair_crowd, .scheduler = &pair, .cores = 4)
{
	return crowd(t);
}
KTSTR_TEST(sdt_crowd, .scheduler = &sdt, .cores = 2)
{
	return crowd(t);
}
/* Its process may sleep while tasks wait: the request to wake it is dropped when it still runs, and is not repeated. */
KTSTR_TEST(userland_crowd, .scheduler = &userland, .cores = 2,
	   .known_fail = KTSTR_KNOWN_FAIL({ .reason = "nothing counts the queued tasks, so that a wake-up is lost",
					    .flaky = true }))
{
	return crowd(t);
}
