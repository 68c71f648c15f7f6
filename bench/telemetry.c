/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * telemetry.c -- CPU time a turn, of every work type, with telemetry and without, as schedstat has it. One CPU, so that
 * the machine's clock is the instructions of the one that runs. Read by telemetry.py.
 */
#include <stdio.h>
#include <stdlib.h>

#include <ktstr/ktstr.h>

struct tally {
	unsigned long run_ns, turns;
};

static unsigned long run_ns(int pid)
{
	char path[64];
	unsigned long ns = 0;
	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	FILE *f = fopen(path, "re");
	if (f && fscanf(f, "%lu", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns;
}

static struct tally add_up(struct ktstr_ctx *t)
{
	struct ktstr_worker_view v;
	struct tally sum = { 0 };
	for (unsigned i = 0; ktstr_ctx_worker(t, i, &v) == 0; i++) {
		sum.run_ns += run_ns(v.pid);
		sum.turns += v.iterations;
	}
	return sum;
}

static void watch(struct ktstr_ctx *t, void *arg)
{
	struct tally *result = arg;
	ktstr_ctx_sleep_us(t, 50000);
	struct tally before = add_up(t);
	ktstr_ctx_sleep_us(t, 400000);
	struct tally after = add_up(t);
	*result = (struct tally){ after.run_ns - before.run_ns, after.turns - before.turns };
}

/* On, off, on, off: what drifts falls on both. */
static void compare(struct ktstr_ctx *t, const char *name, unsigned workers, const struct ktstr_work *work)
{
	struct ktstr_work quiet = *work;
	struct tally on[2] = { 0 }, off[2] = { 0 };
	quiet.quiet = true;
	for (unsigned i = 0; i < 2; i++)
		ktstr_run_steps(t, KTSTR_STEPS(
			{ .name = "on", .hold = KTSTR_HOLD_MS(460), .watch = watch, .arg = &on[i],
			  .cgroups = KTSTR_CGROUPS({ .name = "g", .workers = workers, .work = *work }) },
			{ .name = "off", .hold = KTSTR_HOLD_MS(460), .watch = watch, .arg = &off[i],
			  .cgroups = KTSTR_CGROUPS({ .name = "g", .workers = workers, .work = quiet }) }));
	printf("%s %lu %lu %lu %lu\n", name, on[0].run_ns + on[1].run_ns, on[0].turns + on[1].turns,
	       off[0].run_ns + off[1].run_ns, off[0].turns + off[1].turns);
}

#define COMPARE(WORKERS, TYPE, ...) compare(t, #TYPE, WORKERS, &KTSTR_WORK(TYPE, ##__VA_ARGS__))
#define BENCH(id) KTSTR_TEST(id, .cores = 1, .duration_s = 20, .checks = { .not_starved = KTSTR_OFF })

BENCH(telemetry_cpu)
{
	COMPARE(1, SPIN_WAIT);
	COMPARE(2, YIELD_HEAVY);
	COMPARE(2, MIXED);
	COMPARE(1, BURSTY, .burst_ms = 5, .sleep_ms = 5);
	COMPARE(1, IDLE_CHURN);
	COMPARE(1, ALU_HOT);
	COMPARE(1, IPC_VARIANCE, .hot_iters = 1000, .period = 4);
	COMPARE(1, TIMER_LATENCY);
	COMPARE(1, IO_SYNC_WRITE);
	COMPARE(1, IO_RAND_READ);
	COMPARE(1, IO_CONVOY);
	COMPARE(1, CACHE_PRESSURE);
	COMPARE(2, CACHE_YIELD);
	COMPARE(1, PAGE_FAULT_CHURN);
	return KTSTR_PASS;
}

BENCH(telemetry_wake)
{
	COMPARE(2, PIPE_IO);
	COMPARE(2, CACHE_PIPE);
	COMPARE(2, FUTEX_PING_PONG);
	COMPARE(2, ASYMMETRIC_WAKER);
	COMPARE(4, WAKE_CHAIN);
	COMPARE(5, FUTEX_FAN_OUT);
	COMPARE(5, FAN_OUT_COMPUTE, .size_kib = 12);
	COMPARE(8, THUNDERING_HERD);
	COMPARE(3, EPOLL_STORM);
	COMPARE(2, SIGNAL_STORM);
	COMPARE(1, FORK_EXIT);
	COMPARE(4, MUTEX_CONTENTION);
	COMPARE(3, PRODUCER_CONSUMER_IMBALANCE);
	COMPARE(3, PRIORITY_INVERSION);
	return KTSTR_PASS;
}

BENCH(telemetry_sched)
{
	COMPARE(1, NICE_SWEEP);
	COMPARE(2, AFFINITY_CHURN);
	COMPARE(2, CROSS_AFFINITY_CHURN);
	COMPARE(2, POLICY_CHURN);
	COMPARE(1, CGROUP_CHURN, .interval_ms = 20);
	COMPARE(1, CGROUP_ATTACH_STORM);
	COMPARE(3, PREEMPT_STORM);
	return KTSTR_PASS;
}
