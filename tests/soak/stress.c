/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stress.c -- five minutes of a guest's time in which its CPUs go offline and online again while workers of many kinds
 * run: in each minute all of them for 12 seconds, and only those that sleep most of the time for 48 seconds. Judged by
 * soak.py: the kernel's log may not say that a clock, a CPU or a task stands still.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define CPUS	4
#define MINUTES 5

/* CPUs change more often while they are busy. */
#define STORM_S	      12
#define STORM_TURN_US 40000
#define CALM_S	      48
#define CALM_TURN_US  250000

static bool set_online(unsigned cpu, bool online)
{
	char path[64];
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, online ? "1" : "0", 1) == 1;
	if (fd >= 0)
		close(fd);
	return done;
}

struct tally {
	unsigned turns, failed;
};

struct phase {
	struct tally *tally;
	unsigned seconds, turn_us;
};

/* One CPU after the other, and now and then all but the first. */
static void plug(struct ktstr_ctx *t, void *arg)
{
	const struct phase *phase = arg;
	struct tally *tally = phase->tally;
	for (unsigned turn = 0; turn < phase->seconds * 1000000 / (2 * phase->turn_us); turn++) {
		bool all = turn % 8 == 7;
		for (unsigned cpu = 1; cpu < CPUS; cpu++)
			if (all || cpu == 1 + turn % (CPUS - 1))
				tally->failed += !set_online(cpu, false);
		ktstr_ctx_sleep_us(t, phase->turn_us);
		for (unsigned cpu = 1; cpu < CPUS; cpu++)
			if (all || cpu == 1 + turn % (CPUS - 1))
				tally->failed += !set_online(cpu, true);
		ktstr_ctx_sleep_us(t, phase->turn_us);
		tally->turns++;
	}
}

#define KIND(NAME, WORKERS, ...)                                                  \
	{                                                                         \
		.name = NAME, .workers = WORKERS, .work = KTSTR_WORK(__VA_ARGS__) \
	}

#define SLEEPERS KIND("timers", 2, TIMER_LATENCY), KIND("sleep", 2, IDLE_CHURN)

#define PHASE(NAME, SECONDS, ARG, ...)                                                          \
	{                                                                                       \
		.name = NAME, .hold = KTSTR_HOLD_MS((SECONDS)*1000), .watch = plug, .arg = ARG, \
		.cgroups = KTSTR_CGROUPS(__VA_ARGS__)                                           \
	}

#define MINUTE                                                                                           \
	PHASE("storm", STORM_S, &storm, SLEEPERS, KIND("spin", 2, SPIN_WAIT), KIND("bursts", 4, BURSTY), \
	      KIND("pipe", 2, PIPE_IO), KIND("futex", 2, FUTEX_PING_PONG), KIND("forks", 1, FORK_EXIT),  \
	      KIND("faults", 1, PAGE_FAULT_CHURN)),                                                      \
		PHASE("calm", CALM_S, &calm, SLEEPERS)

KTSTR_TEST(stress_hotplug, .cores = CPUS, .duration_s = MINUTES * 90, .checks = { .not_stuck = KTSTR_OFF })
{
	struct tally tally = { 0 };
	struct phase storm = { &tally, STORM_S, STORM_TURN_US }, calm = { &tally, CALM_S, CALM_TURN_US };
	enum ktstr_verdict r = KTSTR_PASS;
	for (unsigned minute = 0; minute < MINUTES && r == KTSTR_PASS; minute++)
		r = ktstr_run_steps(t, KTSTR_STEPS(MINUTE));
	printf("%u turns, %u failed\n", tally.turns, tally.failed);
	return tally.failed || tally.turns < 100 ? KTSTR_FAIL : r;
}
