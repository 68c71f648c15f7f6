/* SPDX-License-Identifier: GPL-2.0-only */
/* engines.c -- the benchmarks inside a worker: checks their threads, and their counts against the kernel's. */
#include <dirent.h>
#include <stdio.h>

#include "behaviour.h"

static unsigned threads_of(int pid)
{
	char path[64];
	unsigned n = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* One message thread and four worker threads in addition to the worker's own thread. */
static void requests(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	ktstr_expect(t, threads_of(s->worker[0].pid) == 6, "%s: %u threads", name, threads_of(s->worker[0].pid));
	ktstr_expect(t, s->worker[0].turns > 50, "%s: %lu requests", name, s->worker[0].turns);
}

/* The scenario asks for 100 requests per second. */
static void paced(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	double rate = per_s(s, s->worker[0].turns);
	ktstr_expect(t, rate > 70 && rate < 120, "%s: %.0f requests a second, not 100", name, rate);
}

static void serves(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	ktstr_expect(t, threads_of(s->worker[0].pid) == 5, "%s: %u threads", name, threads_of(s->worker[0].pid));
	ktstr_expect(t, s->worker[0].turns > 200, "%s: %lu requests", name, s->worker[0].turns);
}

KTSTR_TEST(behaviour_engines, .cores = 4, .duration_s = 5, .checks = { .not_stuck = KTSTR_OFF })
{
	return ktstr_run_steps(t,
			       KTSTR_STEPS(SEE_MS("Schbench", requests, 600, 50000, 1, WORK(SCHBENCH, .size_kib = 12)),
					   SEE_MS("Schbench, paced", paced, 600, 50000, 1,
						  WORK(SCHBENCH, .size_kib = 12, .requests_per_s = 100)),
					   SEE_MS("Taobench", serves, 600, 50000, 1, WORK(TAOBENCH))));
}
