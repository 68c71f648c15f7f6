/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * battery.c -- the tests of `ktstr try`: one question to a scheduler each. The scheduler here is a placeholder: the
 * host replaces it by the one that is tried, or by the kernel's own. src/run/questions.c has what is shown of each
 * test.
 */
#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <ktstr/canned.h>
#include <ktstr/ktstr.h>

/* Two CPUs; and two LLCs with two CPUs each. */
#define SMALL .cores = 2
#define LLCS  .llcs = 2, .cores = 2

KTSTR_SCHEDULER(tried, .binary = "tried");

#define QUESTION(id, ...) KTSTR_TEST(id, .scheduler = &tried, .auto_repro = KTSTR_OFF, __VA_ARGS__)

#define BURSTS	   .work = KTSTR_WORK(BURSTY, .burst_ms = 20, .sleep_ms = 30)
#define FEW_BURSTS .work = KTSTR_WORK(BURSTY, .burst_ms = 5, .sleep_ms = 10)

/* Longer than the limit on waits, so that a task that never runs is found. */
QUESTION(progress, SMALL, .duration_s = 4)
{
	return ktstr_run_cgroups(
		t, KTSTR_CGROUPS({ .name = "spin", .workers = 4 }, { .name = "burst", .workers = 2, BURSTS }));
}

QUESTION(fairness, SMALL, .duration_s = 5)
{
	return ktstr_run_canned(t, "fair_to_pinned");
}

QUESTION(weights, SMALL)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "heavy", .workers = 3, .limits.cpu_weight = 1000 },
						  { .name = "light", .workers = 3, .limits.cpu_weight = 10 }));
}

QUESTION(nice, SMALL, .duration_s = 4)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "both",
						    .workers = 3,
						    .nice = KTSTR_NICE(-5),
						    .loads = KTSTR_LOADS({ .workers = 3, .nice = KTSTR_NICE(5) }) }));
}

QUESTION(quota, SMALL)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "capped", .workers = 2, .limits.cpu_quota_pct = 50 },
						  { .name = "free", .workers = 2 }));
}

QUESTION(cpusets, LLCS)
{
	return ktstr_run_scenario(
		t, KTSTR_SCENARIO(.backdrop.cgroups =
					  KTSTR_CGROUPS({ .name = "one", .workers = 2, .cpuset = KTSTR_LLC(0) },
							{ .name = "other", .workers = 2, .cpuset = KTSTR_LLC(1) }),
				  .steps = KTSTR_STEPS({ .name = "swap",
							 .hold = KTSTR_HOLD_LOOP(200),
							 .ops = KTSTR_OPS(KTSTR_OP(SWAP_CPUSETS, .cgroup = "one",
										   .other = "other")) })));
}

QUESTION(affinity, SMALL)
{
	return ktstr_run_cgroups(
		t, KTSTR_CGROUPS({ .name = "churn", .workers = 2, .work = KTSTR_WORK(CROSS_AFFINITY_CHURN) },
				 { .name = "spin", .workers = 2 }));
}

QUESTION(wakeup_near, LLCS, .duration_s = 1)
{
	return ktstr_run_canned(t, "ping_pong_near");
}

QUESTION(wakeup_far, LLCS, .duration_s = 1)
{
	return ktstr_run_canned(t, "ping_pong_far");
}

QUESTION(conservation, LLCS)
{
	return ktstr_run_cgroups(
		t, KTSTR_CGROUPS({ .name = "spin", .workers = 2 }, { .name = "burst", .workers = 4, FEW_BURSTS }));
}

/* Its own limit is longer: a task whose mask grows does not wake up, so many schedulers do not look for an idle CPU. */
QUESTION(spread, LLCS, .checks = { .max_idle_wait_ms = KTSTR_OFF })
{
	return ktstr_run_canned(t, "spread_after_pinning");
}

QUESTION(grouping, LLCS)
{
	return ktstr_run_canned(t, "grouped_by_llc");
}

QUESTION(interactivity, SMALL)
{
	return ktstr_run_canned(t, "light_beside_heavy");
}

QUESTION(forks, SMALL)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "forks", .workers = 2, .work = KTSTR_WORK(FORK_EXIT) },
						  { .name = "spin", .workers = 1 }));
}

/* --- hotplug ------------------------------------------------------------------------------------------------------ */

static bool set_online(const char *value)
{
	int fd = open("/sys/devices/system/cpu/cpu1/online", O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, value, 1) == 1;
	close(fd);
	return ok;
}

/* Takes CPU 1 away and gives it back, while the workers run. */
static void plug(struct ktstr_ctx *t, void *arg)
{
	unsigned quarter = (unsigned)(ktstr_ctx_duration_ns(t) / 4000);
	(void)arg;
	ktstr_ctx_sleep_us(t, quarter);
	bool off = set_online("0");
	ktstr_ctx_sleep_us(t, quarter);
	bool on = set_online("1");
	ktstr_expect(t, off && on, "CPU 1 could not be taken %s", off ? "online" : "offline");
}

QUESTION(hotplug, LLCS)
{
	return ktstr_run_steps(t, KTSTR_STEPS({ .name = "plug",
						.cgroups = KTSTR_CGROUPS({ .name = "burst", .workers = 4, BURSTS }),
						.watch = plug }));
}

/* --- kernel threads ----------------------------------------------------------------------------------------------- */

/* Each turn waits for a grace period of RCU, which needs kernel threads. */
static void barrier(struct ktstr_worker *w, void *arg)
{
	(void)arg;
	while (!ktstr_worker_stopped(w)) {
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
		ktstr_worker_turn(w, 65536);
	}
}

QUESTION(kthreads, SMALL)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "barrier",
						    .workers = 1,
						    .work = KTSTR_WORK(CUSTOM, .name = "barrier", .fn = barrier) },
						  { .name = "spin", .workers = 2 }));
}

/* --- load and unload ---------------------------------------------------------------------------------------------- */

/* The kernel's own scheduler has nothing to load. */
QUESTION(reload, SMALL)
{
	static const struct ktstr_op none[] = { { .kind = KTSTR_OP_KIND_MAX } };
	static const struct ktstr_op restart[] = { { .kind = KTSTR_OP_RESTART_SCHEDULER },
						   { .kind = KTSTR_OP_KIND_MAX } };
	return ktstr_run_scenario(
		t, KTSTR_SCENARIO(.backdrop.cgroups = KTSTR_CGROUPS({ .name = "spin", .workers = 2 },
								    { .name = "burst", .workers = 2, BURSTS }),
				  .steps = KTSTR_STEPS({ .name = "before", .hold = KTSTR_HOLD_SHARE(0.3) },
						       { .name = "reloaded",
							 .ops = ktstr_ctx_scheduler_pid(t) ? restart : none,
							 .hold = KTSTR_HOLD_SHARE(0.35) },
						       { .name = "again",
							 .ops = ktstr_ctx_scheduler_pid(t) ? restart : none,
							 .hold = KTSTR_HOLD_SHARE(0.35) })));
}

QUESTION(crowd, SMALL)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "crowd", .workers = 32, .work = KTSTR_WORK(MIXED) }));
}
