/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * canned_measured.c -- canned scenarios that measure one property of a scheduler, and report it as a number: fairness
 * to pinned tasks, light tasks beside heavy ones, spreading, grouping, wake-ups by distance.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "guest/ctx.h"
#include "guest/scenario/canned.h"

#define EVERY_CPU                                                \
	{                                                        \
		.kind = KTSTR_CPUSET_RANGE, .start = 0, .end = 1 \
	}
#define WORKERS_MAX 256
#define TEAMS_MAX   8
#define POLL_US	    5000

/* The number in field @field of a file of a task, counted from 1 behind the name in brackets, if there is one. */
static uint64_t read_task(int pid, const char *file, unsigned field)
{
	char path[64], text[1024], *save = NULL;
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	char *from = strrchr(text, ')'), *word = strtok_r(from ? from + 1 : text, " \n", &save);
	while (word && --field)
		word = strtok_r(NULL, " \n", &save);
	return word ? strtoull(word, NULL, 10) : 0;
}

static uint64_t run_ns_of(int pid)
{
	return read_task(pid, "schedstat", 1);
}

static unsigned cpu_of(int pid)
{
	return (unsigned)read_task(pid, "stat", 37); /* 39 from the line's begin */
}

static void sleep_share(struct ktstr_ctx *t, double share)
{
	ktstr_ctx_sleep_us(t, (unsigned)((double)t->duration * share / NSEC_PER_USEC));
}

/* --- pinned and floating tasks ------------------------------------------------------------------------------------ */

/* schtest's limit. It is for windows of 5 s and more; in shorter ones a good scheduler may not have moved tasks yet. */
#define FAIR_SHARE_PCT	 60
#define FAIR_SHARE_LEAST (5 * NSEC_PER_SEC)

/* On each usable CPU a spinner that is pinned to it, and as many that are not pinned. */
static const struct ktstr_cgroup *pinned_and_floating(struct ktstr_ctx *t, void *arg)
{
	static struct ktstr_load pinned[65];
	static char list[64][8];
	static struct ktstr_cgroup made[2];
	unsigned n = 0;
	(void)arg;
	for (unsigned c = 0; c < CPUSET_CPUS_MAX && n < 64; c++) {
		if (!cpuset_has(&t->topology->usable, c))
			continue;
		snprintf(list[n], sizeof(list[n]), "%u", c);
		pinned[n] = (struct ktstr_load){ .workers = 1,
						 .affinity = { .kind = KTSTR_AFFINITY_EXACT, .list = list[n] } };
		n++;
	}
	pinned[n] = (struct ktstr_load){ .workers = 0 };
	made[0] = (struct ktstr_cgroup){ .name = "all", .cpuset = EVERY_CPU, .workers = n, .loads = pinned };
	made[1] = (struct ktstr_cgroup){ .name = NULL };
	return made;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* The tenth percentile of the CPU time of all workers, as a share of the mean. */
static void measure_fairness(struct ktstr_ctx *t, void *arg)
{
	struct ktstr_worker_view v;
	uint64_t run[WORKERS_MAX], sum = 0;
	unsigned n = 0;
	(void)arg;
	sleep_share(t, 0.9);
	for (; n < WORKERS_MAX && ktstr_ctx_worker(t, n, &v) == 0; n++)
		sum += run[n] = run_ns_of(v.pid);
	if (!sum)
		return;
	qsort(run, n, sizeof(*run), by_size);
	double share = 100.0 * (double)run[n / 10] / ((double)sum / n);
	ktstr_measured(t, "least_share", share, "%");
	if (t->duration < FAIR_SHARE_LEAST)
		return;
	ktstr_expect(t, share >= FAIR_SHARE_PCT,
		     "of pinned and floating tasks, one in ten had at most %.0f %% of the mean CPU time (limit %d %%)",
		     share, FAIR_SHARE_PCT);
}

/* --- spreading ---------------------------------------------------------------------------------------------------- */

/* How long it takes until every usable CPU was seen to run a worker. */
static void measure_spreading(struct ktstr_ctx *t, void *arg)
{
	struct cpuset_bits seen = { 0 };
	struct ktstr_worker_view v;
	nsec_t began = nsec_now(), end = began + t->duration / 2;
	unsigned wanted = cpuset_count(&t->topology->usable);
	(void)arg;
	while (cpuset_count(&seen) < wanted && nsec_now() < end) {
		for (unsigned i = 0; ktstr_ctx_worker(t, i, &v) == 0; i++)
			cpuset_add(&seen, cpu_of(v.pid));
		if (cpuset_count(&seen) < wanted)
			ktstr_ctx_sleep_us(t, POLL_US);
	}
	ktstr_measured(t, "spread", (double)(nsec_now() - began) / 1e6, "ms");
	ktstr_expect(t, cpuset_count(&seen) >= wanted,
		     "%u of %u CPUs were used within %.0f ms after tasks were unpinned", cpuset_count(&seen), wanted,
		     (double)(end - began) / 1e6);
}

/* --- grouping ----------------------------------------------------------------------------------------------------- */

static unsigned cpus_of_llc(const struct guest_topology *t, unsigned llc)
{
	unsigned n = 0;
	for (unsigned i = 0; i < t->cpus; i++)
		n += t->cpu[i].llc == llc && cpuset_has(&t->usable, t->cpu[i].cpu);
	return n;
}

/* For each LLC a process with as many spinning threads as it has usable CPUs. */
static const struct ktstr_cgroup *team_per_llc(struct ktstr_ctx *t, void *arg)
{
	static struct ktstr_cgroup made[TEAMS_MAX + 1];
	static char name[TEAMS_MAX][16];
	unsigned n = 0;
	(void)arg;
	for (unsigned i = 0; i < t->topology->cpus && n < TEAMS_MAX; i++) {
		const struct wire_cpu *c = &t->topology->cpu[i];
		unsigned workers = c->cpu == c->llc ? cpus_of_llc(t->topology, c->llc) : 0;
		if (!workers)
			continue;
		snprintf(name[n], sizeof(name[n]), "team_%u", n);
		made[n] = (struct ktstr_cgroup){
			.name = name[n], .workers = workers, .cpuset = EVERY_CPU, .clone_mode = KTSTR_CLONE_THREAD
		};
		n++;
	}
	made[n] = (struct ktstr_cgroup){ .name = NULL };
	return made;
}

static unsigned llc_of_cpu(const struct guest_topology *t, unsigned cpu)
{
	for (unsigned i = 0; i < t->cpus; i++)
		if (t->cpu[i].cpu == cpu)
			return t->cpu[i].llc;
	return 0;
}

/* Of all samples, the share in which a thread is in the LLC in which its process is most of the time. */
static void measure_grouping(struct ktstr_ctx *t, void *arg)
{
	static unsigned count[TEAMS_MAX][CPUSET_CPUS_MAX];
	struct ktstr_worker_view v;
	nsec_t end = nsec_now() + t->duration * 9 / 10;
	unsigned team, all = 0, home = 0;
	(void)arg;
	memset(count, 0, sizeof(count));
	for (; nsec_now() < end; ktstr_ctx_sleep_us(t, 2 * POLL_US))
		for (unsigned i = 0; ktstr_ctx_worker(t, i, &v) == 0; i++)
			if (sscanf(v.cgroup, "team_%u", &team) == 1 && team < TEAMS_MAX)
				count[team][llc_of_cpu(t->topology, cpu_of(v.pid)) % CPUSET_CPUS_MAX]++;
	for (team = 0; team < TEAMS_MAX; team++) {
		unsigned most = 0;
		for (unsigned i = 0; i < CPUSET_CPUS_MAX; i++) {
			all += count[team][i];
			most = MAX_OF(most, count[team][i]);
		}
		home += most;
	}
	if (all)
		ktstr_measured(t, "in_home_llc", 100.0 * home / all, "%");
}

/* --- wake-ups by distance ----------------------------------------------------------------------------------------- */

struct trader {
	int in, out;
	cpu_set_t cpus;
	bool first;
};

/* Exchanges a byte with its partner, again and again. */
static void trade(struct ktstr_worker *w, void *arg)
{
	const struct trader *me = arg;
	char byte = 0;
	sched_setaffinity(0, sizeof(me->cpus), &me->cpus);
	if (me->first && write(me->out, &byte, 1) != 1)
		return;
	while (!ktstr_worker_stopped(w)) {
		struct pollfd pfd = { .fd = me->in, .events = POLLIN };
		ktstr_worker_block(w);
		int ready = poll(&pfd, 1, 100);
		ktstr_worker_resume(w);
		if (ready != 1 || read(me->in, &byte, 1) != 1)
			continue;
		ktstr_worker_spin(w, 256);
		ktstr_worker_turn(w, 256);
		if (write(me->out, &byte, 1) != 1)
			return;
	}
}

static cpu_set_t cpus_with_llc(const struct guest_topology *t, unsigned llc)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	for (unsigned i = 0; i < t->cpus; i++)
		if (t->cpu[i].llc == llc)
			CPU_SET(t->cpu[i].cpu, &set);
	return set;
}

/* Two workers: on the CPUs of the first LLC, or (@arg) one there and one on those of the last LLC. */
static const struct ktstr_cgroup *trading_pair(struct ktstr_ctx *t, void *arg)
{
	static struct trader one, other;
	static struct ktstr_cgroup made[3];
	const struct guest_topology *p = t->topology;
	int there[2], back[2];
	unsigned far = arg ? p->cpu[p->cpus - 1].llc : p->cpu[0].llc;
	if (pipe2(there, O_CLOEXEC) < 0 || pipe2(back, O_CLOEXEC) < 0)
		return NULL;
	one = (struct trader){ back[0], there[1], cpus_with_llc(p, p->cpu[0].llc), true };
	other = (struct trader){ there[0], back[1], cpus_with_llc(p, far), false };
	made[0] = (struct ktstr_cgroup){
		.name = "one",
		.workers = 1,
		.work = { .type = KTSTR_WORK_CUSTOM, .name = "trade", .fn = trade, .arg = &one }
	};
	made[1] = made[0];
	made[1].name = "other";
	made[1].work.arg = &other;
	made[2] = (struct ktstr_cgroup){ .name = NULL };
	return made;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static const struct ktstr_work_phase light[] = { { KTSTR_PHASE_SPIN, 100 }, { KTSTR_PHASE_SLEEP, 9900 }, { .us = 0 } };
static bool to_the_last_llc = true;

const struct canned canned_measured[] = {
	{ { "fair_to_pinned", "measured", "a pinned spinner on each CPU, and as many that float", 1, 1 },
	  NULL,
	  { .steps = KTSTR_STEPS({ .name = "spin", .factory = pinned_and_floating, .watch = measure_fairness }) } },
	{ { "light_beside_heavy", "measured", "light tasks that wake up often beside heavy ones, on one CPU", 1, 1 },
	  NULL,
	  CANNED_STEADY({ .name = "both",
			  .workers = 2,
			  .affinity = { .kind = KTSTR_AFFINITY_SINGLE_CPU },
			  CANNED_WORK(SEQUENCE, .phases = light),
			  .loads = KTSTR_LOADS({ .workers = 2,
						 .affinity = { .kind = KTSTR_AFFINITY_SINGLE_CPU },
						 CANNED_WORK(WAKE_CHAIN, .depth = 2, .work_us = 10000) }) }) },
	{ { "spread_after_pinning", "measured", "spinners that were all on one CPU may use all of them", 1, 2 },
	  NULL,
	  { .backdrop.cgroups = KTSTR_CGROUPS({ .name = "spin",
						.workers_share = 1,
						.cpuset = EVERY_CPU,
						.affinity = { .kind = KTSTR_AFFINITY_SINGLE_CPU } }),
	    .steps = KTSTR_STEPS({ .name = "pinned", .hold = { .share = 0.25 } },
				 { .name = "free",
				   .hold = { .share = 0.75 },
				   .ops = KTSTR_OPS({ .kind = KTSTR_OP_SET_AFFINITY, .cgroup = "spin" }),
				   .watch = measure_spreading }) } },
	{ { "grouped_by_llc", "measured", "for each LLC a process with a spinning thread for each of its CPUs", 2, 2 },
	  NULL,
	  { .steps = KTSTR_STEPS({ .name = "spin", .factory = team_per_llc, .watch = measure_grouping }) } },
	{ { "ping_pong_near", "measured", "two that wake each other, in one LLC", 1, 1 },
	  NULL,
	  { .steps = KTSTR_STEPS({ .name = "trade", .factory = trading_pair }) } },
	{ { "ping_pong_far", "measured", "two that wake each other, in the first and the last LLC", 2, 2 },
	  NULL,
	  { .steps = KTSTR_STEPS({ .name = "trade", .factory = trading_pair, .arg = &to_the_last_llc }) } },
	{ { .name = NULL } },
};
