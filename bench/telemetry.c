/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * telemetry.c -- CPU time per turn of every work type, with telemetry and without, from schedstat. One CPU if possible,
 * so that the machine's clock counts the instructions of the one running task. Read by telemetry.py.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include <ktstr/ktstr.h>

#define PAIRS 3

struct tally {
	unsigned long run_ns, turns;
};

static unsigned long thread_ns(int pid, const char *thread)
{
	char path[320];
	unsigned long ns = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, thread);
	FILE *f = fopen(path, "re");
	if (f && fscanf(f, "%lu", &ns) != 1)
		ns = 0;
	if (f)
		fclose(f);
	return ns;
}

/* All threads of the worker: SCHBENCH and TAOBENCH have several. */
static unsigned long run_ns(int pid)
{
	char path[64];
	unsigned long ns = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		ns += *e->d_name == '.' ? 0 : thread_ns(pid, e->d_name);
	if (d)
		closedir(d);
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

/*
 * Not from the beginning: at first the memory for samples is touched for the first time, later once in 1,024 samples.
 */
static void watch(struct ktstr_ctx *t, void *arg)
{
	struct tally *result = arg;
	ktstr_ctx_sleep_us(t, 100000);
	struct tally before = add_up(t);
	ktstr_ctx_sleep_us(t, 400000);
	struct tally after = add_up(t);
	*result = (struct tally){ after.run_ns - before.run_ns, after.turns - before.turns };
}

static struct ktstr_cpuset where; /* nothing: everywhere */

static struct ktstr_step side(const char *name, struct tally *result, const struct ktstr_cgroup *cgroups)
{
	return (struct ktstr_step){
		.name = name, .hold = KTSTR_HOLD_MS(510), .watch = watch, .arg = result, .cgroups = cgroups
	};
}

/* On, off, on, off: a drift affects both equally. */
static void compare(struct ktstr_ctx *t, const char *name, unsigned workers, const struct ktstr_work *work)
{
	struct ktstr_work quiet = *work;
	quiet.quiet = true;
	for (unsigned i = 0; i < PAIRS; i++) {
		struct tally on = { 0 }, off = { 0 };
		ktstr_run_steps(
			t, KTSTR_STEPS(
				   side("on", &on,
					KTSTR_CGROUPS(
						{ .name = "g", .workers = workers, .work = *work, .cpuset = where })),
				   side("off", &off,
					KTSTR_CGROUPS(
						{ .name = "g", .workers = workers, .work = quiet, .cpuset = where }))));
		printf("%s %lu %lu %lu %lu\n", name, on.run_ns, on.turns, off.run_ns, off.turns);
	}
}

/* SPIN_WAIT's work, with the calls that a test's own function makes. */
static void own_function(struct ktstr_worker *w, void *arg)
{
	(void)arg;
	while (!ktstr_worker_stopped(w)) {
		ktstr_worker_spin(w, 1024);
		ktstr_worker_turn(w, 1024);
	}
}

#define COMPARE(WORKERS, TYPE, ...) compare(t, #TYPE, WORKERS, &KTSTR_WORK(TYPE, ##__VA_ARGS__))
#define UNLIMITED                      \
	{                              \
		.not_stuck = KTSTR_OFF \
	}
#define BENCH(id, ...) KTSTR_TEST(id, .duration_s = 60, .checks = UNLIMITED, __VA_ARGS__)

BENCH(telemetry_cpu, .cores = 1)
{
	COMPARE(1, SPIN_WAIT);
	COMPARE(2, YIELD_HEAVY);
	COMPARE(2, MIXED);
	COMPARE(1, BURSTY, .burst_ms = 5, .sleep_ms = 5);
	COMPARE(1, IDLE_CHURN);
	COMPARE(1, ALU_HOT);
	COMPARE(1, IPC_VARIANCE, .hot_iters = 1000, .period = 4);
	COMPARE(1, SEQUENCE,
		.phases = KTSTR_PHASES({ KTSTR_PHASE_SPIN, 2000 }, { KTSTR_PHASE_SLEEP, 1000 },
				       { KTSTR_PHASE_YIELD, 2000 }, { KTSTR_PHASE_ALU_HOT, 2000 }));
	COMPARE(1, CUSTOM, .name = "own", .fn = own_function);
	return KTSTR_PASS;
}

BENCH(telemetry_memory, .cores = 1)
{
	COMPARE(1, IO_SYNC_WRITE);
	COMPARE(1, IO_RAND_READ);
	COMPARE(1, IO_CONVOY);
	COMPARE(1, CACHE_PRESSURE);
	COMPARE(2, CACHE_YIELD);
	COMPARE(2, CACHE_PIPE);
	COMPARE(1, PAGE_FAULT_CHURN);
	COMPARE(1, FORK_EXIT);
	return KTSTR_PASS;
}

/* The number of requests in a window differs between windows. */
BENCH(telemetry_schbench, .cores = 1)
{
	for (unsigned i = 0; i < 8; i++)
		COMPARE(1, SCHBENCH, .size_kib = 12);
	return KTSTR_PASS;
}

BENCH(telemetry_taobench, .cores = 1)
{
	for (unsigned i = 0; i < 8; i++)
		COMPARE(1, TAOBENCH);
	return KTSTR_PASS;
}

BENCH(telemetry_wake, .cores = 1)
{
	COMPARE(2, PIPE_IO);
	COMPARE(2, FUTEX_PING_PONG);
	COMPARE(2, ASYMMETRIC_WAKER);
	COMPARE(4, WAKE_CHAIN);
	COMPARE(3, EPOLL_STORM);
	COMPARE(2, SIGNAL_STORM);
	COMPARE(2, PRODUCER_CONSUMER_IMBALANCE, .producers = 1, .rate_hz = 1997);
	COMPARE(3, PRIORITY_INVERSION);
	return KTSTR_PASS;
}

/* How often a task waits for another to be moved differs between windows. */
BENCH(telemetry_attach, .cores = 1)
{
	for (unsigned i = 0; i < 4; i++)
		COMPARE(1, CGROUP_ATTACH_STORM);
	return KTSTR_PASS;
}

/* How many receivers sleep when the sender wakes them differs between windows. */
BENCH(telemetry_fan_out, .cores = 1)
{
	for (unsigned i = 0; i < 4; i++) {
		COMPARE(5, FUTEX_FAN_OUT);
		COMPARE(5, FAN_OUT_COMPUTE, .size_kib = 12);
	}
	return KTSTR_PASS;
}

/*
 * Turns of one length, and ticks: their length alone decides whether a tick hits the lock holder, or the woken task.
 * This is a separate test because a report keeps 40 lines.
 */
BENCH(telemetry_resonant, .cores = 1)
{
	for (unsigned more = 0; more < 8; more++)
		COMPARE(4, MUTEX_CONTENTION, .work_iters = 1024 + 19 * more);
	return KTSTR_PASS;
}

/* Other tasks run only while the real-time hog is throttled: in a small part of each window, which varies. */
BENCH(telemetry_hog, .cores = 1)
{
	for (unsigned i = 0; i < 10; i++)
		COMPARE(2, RT_STARVATION);
	return KTSTR_PASS;
}

/* Eight tasks wake up at once, every five milliseconds: the task that a tick hits differs from pair to pair. */
BENCH(telemetry_herd, .cores = 1)
{
	for (unsigned i = 0; i < 24; i++)
		COMPARE(8, THUNDERING_HERD);
	return KTSTR_PASS;
}

BENCH(telemetry_timer, .cores = 1)
{
	for (unsigned less = 1; less <= 12; less++)
		COMPARE(1, TIMER_LATENCY, .interval_us = 1000 - 13 * less);
	return KTSTR_PASS;
}

BENCH(telemetry_sched, .cores = 1)
{
	COMPARE(1, NICE_SWEEP);
	COMPARE(2, AFFINITY_CHURN);
	COMPARE(2, CROSS_AFFINITY_CHURN);
	COMPARE(2, POLICY_CHURN);
	COMPARE(1, CGROUP_CHURN, .interval_ms = 20);
	COMPARE(3, PREEMPT_STORM);
	return KTSTR_PASS;
}

BENCH(telemetry_net, .cores = 1)
{
	COMPARE(1, NET_TRAFFIC);
	COMPARE(2, IRQ_WAKE);
	return KTSTR_PASS;
}

/* Two processors take turns on the machine's clock: a turn seems twice as long, with telemetry and without. */
BENCH(telemetry_siblings, .cores = 1, .threads = 2)
{
	COMPARE(2, SMT_SIBLING_SPIN);
	return KTSTR_PASS;
}

BENCH(telemetry_nodes, .numa_nodes = 2, .llcs = 2, .cores = 1)
{
	COMPARE(1, NUMA_MIGRATION_CHURN);
	/*
	 * Measures between two moves, because one move takes as long as many turns; the memory starts on the first
	 * node.
	 */
	where = KTSTR_CPUS("0");
	COMPARE(1, NUMA_WORKING_SET_SWEEP, .interval_ms = 1000);
	return KTSTR_PASS;
}
