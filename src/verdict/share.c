/* SPDX-License-Identifier: GPL-2.0-only */
/* share.c -- see share.h. */
#include <math.h>
#include <string.h>

#include <ktstr/load.h>

#include "verdict/share.h"

#define WEIGHT_USUAL	 100.0	      /* default of a cgroup */
#define WEIGHT_IDLE_TASK (3.0 / 1024) /* SCHED_IDLE; nice 0 is 1 */
#define BESIDE_REAL_TIME 0.05	      /* share that kernel.sched_rt_runtime_us reserves for ordinary tasks */

static bool is_real_time(const struct wire_cgroup *g)
{
	return g->policy == KTSTR_POLICY_FIFO || g->policy == KTSTR_POLICY_RR || g->policy == KTSTR_POLICY_DEADLINE;
}

/* One step of the nice value changes the weight by a factor of 1.25. */
static double task_weight(const struct wire_cgroup *g)
{
	int nice = MIN_OF(MAX_OF(g->nice, -20), 19);
	return g->policy == KTSTR_POLICY_IDLE ? WEIGHT_IDLE_TASK : pow(1.25, -nice);
}

static double group_weight(const struct wire_cgroup *g)
{
	return g->cpu_weight ? g->cpu_weight : WEIGHT_USUAL;
}

uint32_t share_cpus(const struct evidence *e, uint32_t load)
{
	struct cpuset_bits allowed;
	uint32_t cpus = MAX_OF(e->cpus ? e->cpus : e->hello.cpus, 1u);
	if (!e->cgroup[load].has_cpuset)
		return cpus;
	memcpy(allowed.word, e->cgroup[load].cpuset, sizeof(allowed.word));
	uint32_t count = cpuset_count(&allowed);
	return MIN_OF(MAX_OF(count, 1u), cpus);
}

static bool first_of_its_cgroup(const struct evidence *e, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (!strcmp(e->cgroup[k].name, e->cgroup[i].name))
			return false;
	return true;
}

struct share_rivals share_rivals(const struct evidence *e)
{
	struct share_rivals r = { 0 };
	for (uint32_t i = 0; i < e->cgroup_count; i++) {
		const struct wire_cgroup *g = &e->cgroup[i];
		r.tasks += is_real_time(g) ? 0 : g->workers * task_weight(g);
		r.real_time += is_real_time(g) ? g->workers : 0;
		r.workers += g->workers;
		r.groups += first_of_its_cgroup(e, i) ? group_weight(g) : 0;
	}
	return r;
}

/* The workers of the load's own cgroup: their number, and the weights of the ordinary ones. */
struct own_group {
	uint32_t workers;
	double tasks;
};

static struct own_group own_group(const struct evidence *e, uint32_t load)
{
	struct own_group own = { 0 };
	for (uint32_t i = 0; i < e->cgroup_count; i++) {
		const struct wire_cgroup *g = &e->cgroup[i];
		if (strcmp(g->name, e->cgroup[load].name))
			continue;
		own.workers += g->workers;
		own.tasks += is_real_time(g) ? 0 : g->workers * task_weight(g);
	}
	return own;
}

static double share_by_weight(const struct evidence *e, uint32_t load, const struct share_rivals *r,
			      const struct own_group *own)
{
	const struct wire_cgroup *g = &e->cgroup[load];
	double cpus = share_cpus(e, load), weight = task_weight(g);
	double flat = cpus * weight / r->tasks;
	double grouped = cpus * group_weight(g) / r->groups * weight / own->tasks;
	return fmin(1, fmin(flat, grouped));
}

double share_of_worker(const struct evidence *e, uint32_t load, const struct share_rivals *r, bool scx)
{
	const struct wire_cgroup *g = &e->cgroup[load];
	struct own_group own = own_group(e, load);
	double share;
	if (!g->workers)
		return 1;
	/* Real-time tasks of one priority may not take turns: if there are fewer CPUs, some tasks may get none. */
	if (is_real_time(g))
		share = r->real_time <= share_cpus(e, load) ? 1 - BESIDE_REAL_TIME : 0;
	else
		share = share_by_weight(e, load, r, &own) * (!r->real_time ? 1 : scx ? 0 : BESIDE_REAL_TIME);
	if (g->quota_permyriad)
		share = fmin(share, g->quota_permyriad / 10000.0 / own.workers);
	return share;
}

nsec_t share_wait_max(double share)
{
	double ns = share > 0 ? 2 * (double)SHARE_SLICE / share : INFINITY;
	return ns < (double)INT64_MAX / 2 ? (nsec_t)ns : INT64_MAX / 2;
}

/*
 * With @tasks on @cpus queues, some queues may be one task longer than others: a task there gets 1/(n + 1) of its CPU
 * instead of 1/n. Returns the difference.
 */
static double longer_queue(uint32_t tasks, uint32_t cpus)
{
	uint32_t shorter = tasks / cpus;
	return shorter ? 1.0 / shorter - 1.0 / (shorter + 1) : 0;
}

static double uneven(uint32_t tasks, uint32_t cpus)
{
	return tasks % cpus ? longer_queue(tasks, cpus) : 0;
}

double share_spread_floor(uint32_t workers, uint32_t all, uint32_t cpus, nsec_t window)
{
	/* Workers of other loads sleep and wake, so beside them the queues of this load's CPUs differ at any time. */
	double apart = fmax(all > workers ? longer_queue(workers, cpus) : uneven(workers, cpus), uneven(all, cpus));
	double settling = fmin((double)SHARE_SETTLING, (double)window);
	return 100 * (2 * (double)SHARE_SLICE + apart * settling) / (double)window;
}
