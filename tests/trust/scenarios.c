/* SPDX-License-Identifier: GPL-2.0-only */
/* scenarios.c -- see scenarios.h. */
#include <fcntl.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "scenarios.h"

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Sleeps @ms and records the latency of the wake-up. */
static void nap(struct ktstr_worker *w, unsigned ms)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + ms * 1000000ull;
	struct timespec ts = { .tv_sec = (time_t)(until / 1000000000u), .tv_nsec = (long)(until % 1000000000u) };
	ktstr_worker_block(w);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	ktstr_worker_woken(w, now > until ? now - until : 0);
}

/* --- with built-in work types ------------------------------------------------------------------------------------- */

enum ktstr_verdict scenario_crowd(struct ktstr_ctx *t)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "spin", .workers = 2 * ktstr_ctx_cpus(t) },
						  { .name = "burst",
						    .workers = 2,
						    .work = KTSTR_WORK(BURSTY, .burst_ms = 20, .sleep_ms = 30) }));
}

/* One worker per CPU: with more workers that do not divide by the CPUs, shares are random under any scheduler. */
enum ktstr_verdict scenario_wide(struct ktstr_ctx *t)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "wide",
						    .workers = ktstr_ctx_cpus(t),
						    .work = KTSTR_WORK(BURSTY, .burst_ms = 10, .sleep_ms = 30) }));
}

enum ktstr_verdict scenario_pair(struct ktstr_ctx *t)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "pair", .workers = 2 }));
}

enum ktstr_verdict scenario_cpusets(struct ktstr_ctx *t)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "left", .workers = 2, .cpuset = KTSTR_LLC(0) },
						  { .name = "right", .workers = 2, .cpuset = KTSTR_LLC(1) }));
}

enum ktstr_verdict scenario_pingpong(struct ktstr_ctx *t)
{
	return ktstr_run_cgroups(
		t, KTSTR_CGROUPS({ .name = "pairs", .workers = 4, .work = KTSTR_WORK(PIPE_IO, .spin_iters = 16) }));
}

enum ktstr_verdict scenario_removal(struct ktstr_ctx *t)
{
	return ktstr_run_steps(t, KTSTR_STEPS({ .name = "first",
						.hold = KTSTR_HOLD_SHARE(0.2),
						.cgroups = KTSTR_CGROUPS({ .name = "a", .workers = 2 },
									 { .name = "b", .workers = 2 }) },
					      { .name = "second",
						.hold = KTSTR_HOLD_SHARE(0.8),
						.cgroups = KTSTR_CGROUPS({ .name = "c", .workers = 4 }) }));
}

/* --- short sleeps ------------------------------------------------------------------------------------------------- */

static void napper(struct ktstr_worker *w, void *arg)
{
	(void)arg;
	while (!ktstr_worker_stopped(w)) {
		ktstr_worker_spin(w, 2048);
		nap(w, 2);
		ktstr_worker_turn(w, 1024);
	}
}

enum ktstr_verdict scenario_naps(struct ktstr_ctx *t)
{
	return ktstr_run_cgroups(
		t, KTSTR_CGROUPS(
			   { .name = "naps", .workers = 2, .work = KTSTR_WORK(CUSTOM, .name = "nap", .fn = napper) }));
}

enum ktstr_verdict scenario_latency(struct ktstr_ctx *t)
{
	return scenario_naps(t);
}

/* --- weights ------------------------------------------------------------------------------------------------------ */

#define WEIGHT_PHASE_NS 500000000u

enum weight { WEIGHT_HEAVY, WEIGHT_LIGHT, WEIGHT_MAX };

struct weighed {
	unsigned first;		  /* enum weight */
	_Atomic uint64_t *cpu_ns; /* CPU time of all workers, indexed by weight */
};

/* Workers swap weights twice a second, so that a preference for a worker or a CPU is not one for a weight. */
static void weighed(struct ktstr_worker *w, void *arg)
{
	static const int nice_of[WEIGHT_MAX] = { -5, 5 };
	const struct weighed *me = arg;
	unsigned weight = WEIGHT_MAX;
	uint64_t used = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	while (!ktstr_worker_stopped(w)) {
		unsigned due = (clock_ns(CLOCK_MONOTONIC) / WEIGHT_PHASE_NS + me->first) % WEIGHT_MAX;
		if (due != weight)
			setpriority(PRIO_PROCESS, 0, nice_of[weight = due]);
		ktstr_worker_spin(w, 1024);
		ktstr_worker_turn(w, 1024);
		uint64_t now = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		atomic_fetch_add(&me->cpu_ns[weight], now - used);
		used = now;
	}
}

static void *shared(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/*
 * A scheduler may ignore weights, but must not invert them: nice -5 and 5 are nine to one. There are three workers of
 * each, because with only two tasks many schedulers just alternate.
 */
enum ktstr_verdict scenario_weights(struct ktstr_ctx *t)
{
	_Atomic uint64_t *cpu_ns = shared(WEIGHT_MAX * sizeof(*cpu_ns));
	if (!cpu_ns)
		return KTSTR_INCONCLUSIVE;
	struct weighed one = { WEIGHT_HEAVY, cpu_ns }, other = { WEIGHT_LIGHT, cpu_ns };
	enum ktstr_verdict v = ktstr_run_cgroups(
		t, KTSTR_CGROUPS({ .name = "both",
				   .workers = 3,
				   .work = KTSTR_WORK(CUSTOM, .name = "one", .fn = weighed, .arg = &one),
				   .loads = KTSTR_LOADS({ .workers = 3,
							  .work = KTSTR_WORK(CUSTOM, .name = "other", .fn = weighed,
									     .arg = &other) }) }));
	unsigned long heavy_ms = cpu_ns[WEIGHT_HEAVY] / 1000000, light_ms = cpu_ns[WEIGHT_LIGHT] / 1000000;
	ktstr_expect(t, heavy_ms * 3 >= light_ms,
		     "priority inversion: nice -5 had %lu ms of CPU time, nice 5 beside it %lu ms", heavy_ms, light_ms);
	return v;
}

/* --- kernel threads ----------------------------------------------------------------------------------------------- */

/* Each turn waits for an RCU grace period, which needs kernel threads. */
static void barrier(struct ktstr_worker *w, void *arg)
{
	(void)arg;
	while (!ktstr_worker_stopped(w)) {
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
		ktstr_worker_turn(w, 65536);
	}
}

enum ktstr_verdict scenario_kthreads(struct ktstr_ctx *t)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "barrier",
						    .workers = 1,
						    .work = KTSTR_WORK(CUSTOM, .name = "barrier", .fn = barrier) },
						  { .name = "spin", .workers = 1 }));
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

static unsigned long number_behind(const char *path, const char *key)
{
	char line[256];
	unsigned long value = 0;
	FILE *f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = strtoul(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return value;
}

/*
 * A dispatch queue that is never destroyed costs 120 bytes per task, in every window. Other kernel memory that is kept
 * for a while grows once in a run, so the median of the windows does not contain it.
 */
#define LEAK_BYTES_A_TASK 60
#define LEAK_WINDOWS	  5
#define SETTLE_US	  500000 /* more than a grace period, after which a task's memory is freed */

static long settled_slab_kib(void)
{
	usleep(SETTLE_US);
	return (long)number_behind("/proc/meminfo", "SUnreclaim:");
}

struct window {
	long kib, tasks;
	double bytes_a_task;
};

static int by_bytes(const void *a, const void *b)
{
	double x = ((const struct window *)a)->bytes_a_task, y = ((const struct window *)b)->bytes_a_task;
	return (x > y) - (x < y);
}

static enum ktstr_verdict fork_for(struct ktstr_ctx *t, const char *name, double share)
{
	return ktstr_run_steps(
		t, KTSTR_STEPS({ .name = name,
				 .hold = KTSTR_HOLD_SHARE(share),
				 .cgroups = KTSTR_CGROUPS(
					 { .name = "forks", .workers = 2, .work = KTSTR_WORK(FORK_EXIT) }) }));
}

enum ktstr_verdict scenario_forks(struct ktstr_ctx *t)
{
	struct window w[LEAK_WINDOWS];
	enum ktstr_verdict v = fork_for(t, "warm up", 0.25);
	for (unsigned i = 0; i < LEAK_WINDOWS && v == KTSTR_PASS; i++) {
		w[i].kib = settled_slab_kib();
		w[i].tasks = (long)number_behind("/proc/stat", "processes ");
		v = fork_for(t, "forks", 0.75 / LEAK_WINDOWS);
		w[i].kib = settled_slab_kib() - w[i].kib;
		w[i].tasks = (long)number_behind("/proc/stat", "processes ") - w[i].tasks;
		ktstr_expect(t, w[i].tasks > 50, "only %ld tasks came and went", w[i].tasks);
		w[i].bytes_a_task = (double)w[i].kib * 1024 / (double)w[i].tasks;
	}
	if (v != KTSTR_PASS)
		return v;
	qsort(w, LEAK_WINDOWS, sizeof(*w), by_bytes);
	const struct window *m = &w[LEAK_WINDOWS / 2];
	ktstr_expect(t, m->bytes_a_task < LEAK_BYTES_A_TASK,
		     "the kernel's memory leaks: %ld KiB more for %ld tasks that came and went", m->kib, m->tasks);
	return v;
}

/* --- across the machine ------------------------------------------------------------------------------------------- */

struct across {
	int in, out;
	unsigned from, to; /* CPUs; several, because the kernel places a task with only one CPU without the scheduler */
	bool first;
};

static void trader(struct ktstr_worker *w, void *arg)
{
	struct across *me = arg;
	cpu_set_t set;
	char byte = 0;
	CPU_ZERO(&set);
	for (unsigned cpu = me->from; cpu < me->to; cpu++)
		CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	if (me->first && write(me->out, &byte, 1) != 1)
		return;
	while (!ktstr_worker_stopped(w)) {
		struct pollfd pfd = { .fd = me->in, .events = POLLIN };
		ktstr_worker_block(w);
		int ready = poll(&pfd, 1, 100);
		ktstr_worker_woken(w, 0);
		if (ready != 1 || read(me->in, &byte, 1) != 1)
			continue;
		ktstr_worker_turn(w, 1024);
		if (write(me->out, &byte, 1) != 1)
			return;
	}
}

/* One worker on the first half of the CPUs, one on the second: different LLCs and, if there are two, nodes. */
enum ktstr_verdict scenario_across(struct ktstr_ctx *t)
{
	int there[2], back[2];
	unsigned cpus = ktstr_ctx_cpus(t);
	if (pipe2(there, O_CLOEXEC) < 0 || pipe2(back, O_CLOEXEC) < 0)
		return KTSTR_INCONCLUSIVE;
	struct across one = { back[0], there[1], 0, cpus / 2, true };
	struct across other = { there[0], back[1], cpus / 2, cpus, false };
	return ktstr_run_cgroups(
		t, KTSTR_CGROUPS({ .name = "here",
				   .workers = 1,
				   .work = KTSTR_WORK(CUSTOM, .name = "trade", .fn = trader, .arg = &one) },
				 { .name = "there",
				   .workers = 1,
				   .work = KTSTR_WORK(CUSTOM, .name = "trade", .fn = trader, .arg = &other) }));
}

/* --- hotplug ------------------------------------------------------------------------------------------------------ */

static bool set_online(unsigned cpu, const char *value)
{
	char path[64];
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, value, 1) == 1;
	close(fd);
	return ok;
}

static void plugger(struct ktstr_worker *w, void *arg)
{
	(void)arg;
	nap(w, 300);
	if (!set_online(1, "0"))
		_exit(3);
	nap(w, 300);
	if (!set_online(1, "1"))
		_exit(4);
	while (!ktstr_worker_stopped(w)) {
		nap(w, 20);
		ktstr_worker_turn(w, 1);
	}
}

enum ktstr_verdict scenario_hotplug(struct ktstr_ctx *t)
{
	return ktstr_run_cgroups(
		t,
		KTSTR_CGROUPS(
			{ .name = "plug", .workers = 1, .work = KTSTR_WORK(CUSTOM, .name = "plug", .fn = plugger) },
			{ .name = "burst", .workers = 3, .work = KTSTR_WORK(BURSTY, .burst_ms = 20, .sleep_ms = 30) }));
}
