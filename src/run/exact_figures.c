/* SPDX-License-Identifier: GPL-2.0-only */
/* exact_figures.c -- see exact_figures.h. */
#include "run/exact_figures.h"

#include <math.h>
#include <string.h>

/* Sums of the workers that share figures. */
struct pool {
	struct spread wakeup, wait;
	int32_t longest_wakeup_tid, longest_wait_tid;
	uint64_t window_ns, home_ns[EXACT_PLACES]; /* run time in the windows, and the part of it at home */
};

/* --- homes -------------------------------------------------------------------------------------------------------- */

static unsigned place_of(const struct exact *x, enum exact_place kind, unsigned cpu)
{
	return kind == EXACT_CPU ? cpu : kind == EXACT_LLC ? x->llc[cpu] : x->node[cpu];
}

/* The time of a worker in the place where it ran most. */
static uint64_t most_in_place(const struct exact *x, enum exact_place kind, const uint64_t *on_cpu)
{
	uint64_t in_place[SCHEDULE_CPUS_MAX] = { 0 }, most = 0;
	for (unsigned cpu = 0; cpu < x->cpus; cpu++) {
		uint64_t *ns = &in_place[place_of(x, kind, cpu)];
		*ns += on_cpu[cpu];
		most = MAX_OF(most, *ns);
	}
	return most;
}

static void add_homes(const struct exact *x, const uint64_t *on_cpu, struct pool *p)
{
	for (unsigned cpu = 0; cpu < x->cpus; cpu++)
		p->window_ns += on_cpu[cpu];
	for (unsigned kind = 0; kind < EXACT_PLACES; kind++)
		p->home_ns[kind] += most_in_place(x, kind, on_cpu);
}

/* --- durations ---------------------------------------------------------------------------------------------------- */

static void add_times(struct spread *all, int32_t *longest, const struct spread *s, int32_t tid)
{
	if (s->count && s->max >= all->max)
		*longest = tid;
	spread_merge(all, s);
}

static struct exact_times times_of(const struct spread *s, int32_t tid)
{
	return (struct exact_times){ .count = s->count,
				     .p50 = spread_percentile(s, 500),
				     .p90 = spread_percentile(s, 900),
				     .p99 = spread_percentile(s, 990),
				     .p999 = spread_percentile(s, 999),
				     .max = s->max,
				     .max_end_ns = s->max_end,
				     .tid = tid };
}

/* --- loads and control groups ------------------------------------------------------------------------------------- */

static void add_worker(const struct exact *x, int32_t tid, struct exact_figures *f, struct pool *p)
{
	const struct schedule_task *t = schedule_find(x->model, tid);
	if (!t)
		return;
	f->workers++;
	f->run_ns += t->sums.slice.sum;
	f->slices += t->sums.slice.count;
	f->migrations += t->sums.migrations;
	for (unsigned i = 0; i < EXACT_PLACES; i++)
		f->moves[i] += t->sums.moved[i];
	add_times(&p->wakeup, &p->longest_wakeup_tid, &t->sums.wakeup, tid);
	add_times(&p->wait, &p->longest_wait_tid, &t->sums.wait, tid);
}

/* Of the loads for which @group has the number @which. */
static void measure_group(const struct exact *x, const struct evidence *e, const struct exact_runs *runs,
			  const uint32_t *group, uint32_t which, struct exact_figures *ret)
{
	struct pool p = { 0 };
	for (uint32_t i = 0; i < e->worker_count; i++) {
		if (group[e->worker[i].wire.cgroup] == which)
			add_worker(x, e->worker[i].wire.tid, ret, &p);
		if (group[runs->load_of[i]] == which)
			add_homes(x, runs->ns + (size_t)i * x->cpus, &p);
	}
	ret->wakeup = times_of(&p.wakeup, p.longest_wakeup_tid);
	ret->wait = times_of(&p.wait, p.longest_wait_tid);
	for (unsigned kind = 0; kind < EXACT_PLACES; kind++)
		ret->home[kind] = p.window_ns ? (double)p.home_ns[kind] / (double)p.window_ns : NAN;
}

/* Gives loads of the same control group the same number. */
static void number_cgroups(const struct evidence *e, uint32_t *group, struct exact_evidence *ret)
{
	for (uint32_t i = 0; i < e->cgroup_count; i++) {
		uint32_t known = 0;
		while (known < ret->cgroups && strcmp(e->cgroup[ret->cgroup[known].first].name, e->cgroup[i].name) != 0)
			known++;
		if (known == ret->cgroups)
			ret->cgroup[ret->cgroups++] = (struct exact_cgroup){ .first = i };
		group[i] = known;
	}
}

/* The group in the model of the workers of control group number @which; 0: it is not known. */
static uint32_t group_in_model(const struct exact *x, const struct evidence *e, const uint32_t *group, uint32_t which)
{
	for (uint32_t i = 0; i < e->worker_count; i++) {
		const struct schedule_task *t = schedule_find(x->model, e->worker[i].wire.tid);
		if (group[e->worker[i].wire.cgroup] == which && t && t->group)
			return t->group;
	}
	return 0;
}

static bool is_a_worker(const struct evidence *e, int32_t tid)
{
	for (uint32_t i = 0; i < e->worker_count; i++)
		if (e->worker[i].wire.tid == tid)
			return true;
	return false;
}

static struct exact_other measure_others(const struct exact *x, const struct evidence *e, uint32_t group)
{
	struct exact_other most = { 0 };
	for (unsigned i = 0; group && i < schedule_tasks(x->model); i++) {
		const struct schedule_task *t = schedule_task(x->model, i);
		bool is_in = schedule_longest_wait_group(x->model, t) == group; /* it may have been moved since */
		uint64_t ns = is_in ? schedule_longest_wait(x->model, t) : 0;
		if (ns > most.ns && !is_a_worker(e, t->pid))
			most = (struct exact_other){ t->pid, ns, t->sums.wait.max_end, ns > t->sums.wait.max };
	}
	return most;
}

int exact_figures_measure(const struct exact *x, const struct evidence *e, const struct exact_runs *runs,
			  struct exact_evidence *ret)
{
	size_t room = MAX_OF(e->cgroup_count, 1u);
	_cleanup_free_ uint32_t *group = calloc(room, sizeof(*group));
	ret->load = calloc(room, sizeof(*ret->load));
	ret->cgroup = calloc(room, sizeof(*ret->cgroup));
	if (!group || !ret->load || !ret->cgroup)
		return -ENOMEM;
	for (uint32_t i = 0; i < e->cgroup_count; i++)
		group[i] = i;
	for (uint32_t i = 0; i < e->cgroup_count; i++)
		measure_group(x, e, runs, group, i, &ret->load[i]);
	number_cgroups(e, group, ret);
	for (uint32_t i = 0; i < ret->cgroups; i++) {
		measure_group(x, e, runs, group, i, &ret->cgroup[i].figures);
		ret->cgroup[i].other = measure_others(x, e, group_in_model(x, e, group, i));
	}
	return 0;
}
