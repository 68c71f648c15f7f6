/* SPDX-License-Identifier: GPL-2.0-only */
/* cgroups.c -- see cgroups.h. */
#include <stdio.h>
#include <string.h>

#include "guest/cgroup.h"
#include "guest/load.h"
#include "guest/payload/payload.h"
#include "guest/scenario/cgroups.h"
#include "guest/scenario/spawn.h"
#include "guest/verdict.h"

int stage_add(struct stage *s, const char *name, struct tracked **ret, struct err **err)
{
	char parent[WIRE_NAME_MAX];
	if (s->count == TRACKED_MAX)
		return FAIL(err, ERR_DATA, -E2BIG, "cgroup '%s': more than %d cgroups at once", name, TRACKED_MAX);
	int r = cgroup_create(name, err);
	if (r < 0)
		return r;
	struct tracked *g = &s->tracked[s->count++];
	*g = (struct tracked){ .backdrop = !s->t->in_step, .cpus = s->t->topology->all };
	snprintf(g->name, sizeof(g->name), "%s", name);
	const struct tracked *above = cgroup_parent(name, parent) ? stage_find(s, parent) : NULL;
	if (above && above->limited) {
		g->cpus = above->cpus;
		g->limited = true;
	}
	if (above)
		g->terms = above->terms;
	*ret = g;
	return 0;
}

static int set_cpuset(struct stage *s, struct tracked *g, const struct cpuset_bits *cpus, struct err **err)
{
	int r = cgroup_set_cpuset(g->name, cpus, err);
	for (unsigned i = 0; r == 0 && i < g->siblings; i++) {
		char name[WIRE_NAME_MAX + 24];
		snprintf(name, sizeof(name), CGROUP_SIBLING_FORMAT, g->name, i);
		r = cgroup_set_cpuset(name, cpus, err);
	}
	if (r < 0)
		return r;
	g->cpus = *cpus;
	g->limited = true;
	worker_set_allow(&s->backdrop, g->name, cpus, true);
	worker_set_allow(&s->step, g->name, cpus, true);
	return 0;
}

int stage_set_cpuset(struct stage *s, struct tracked *g, const struct ktstr_cpuset *spec, struct err **err)
{
	struct cpuset_bits cpus;
	char why[200];
	if (cpuset_resolve(s->t->topology, spec, &cpus, why, sizeof(why)) < 0)
		return FAIL(err, ERR_DATA, -EINVAL, "cgroup '%s': cpuset: %s", g->name, why);
	return set_cpuset(s, g, &cpus, err);
}

int stage_swap_cpusets(struct stage *s, struct tracked *a, struct tracked *b, struct err **err)
{
	struct cpuset_bits first = a->cpus, second = b->cpus;
	int r = set_cpuset(s, a, &second, err);
	return r == 0 ? set_cpuset(s, b, &first, err) : r;
}

int stage_clear_cpuset(struct stage *s, struct tracked *g, struct err **err)
{
	char parent[WIRE_NAME_MAX];
	const struct tracked *above = cgroup_parent(g->name, parent) ? stage_find(s, parent) : NULL;
	g->cpus = above && above->limited ? above->cpus : s->t->topology->all;
	g->limited = above && above->limited;
	int r = cgroup_clear_cpuset(g->name, &g->cpus, err);
	worker_set_allow(&s->backdrop, g->name, &g->cpus, g->limited);
	worker_set_allow(&s->step, g->name, &g->cpus, g->limited);
	return r;
}

/* Combines the cgroup's own limits with the terms of its parent. */
static void take_limits(struct tracked *g, const struct ktstr_limits *l)
{
	struct cpu_terms *t = &g->terms;
	unsigned period = l->cpu_period_us ? l->cpu_period_us : 100000;
	uint64_t of_period = (uint64_t)l->cpu_quota_us * 10000 / period;
	unsigned quota = l->cpu_quota_us ? (unsigned)MAX_OF(of_period, 1u) : l->cpu_quota_pct * 100;
	if (l->cpu_weight)
		t->weight = MAX_OF((t->weight ? t->weight : 100) * l->cpu_weight / 100, 1u);
	if (quota && !l->cpu_unlimited)
		t->quota_permyriad = t->quota_permyriad ? MIN_OF(t->quota_permyriad, quota) : quota;
}

int stage_define(struct stage *s, const struct ktstr_cgroup *def, struct err **err)
{
	struct tracked *g;
	struct cpuset_bits mems;
	int r = stage_add(s, def->name, &g, err);
	if (r == 0 && def->cpuset.kind != KTSTR_CPUSET_ALL)
		r = stage_set_cpuset(s, g, &def->cpuset, err);
	if (r == 0 && def->cpuset_mems) {
		r = cgroup_set_mems(def->name, def->cpuset_mems, err);
		g->nodes = cpuset_parse(def->cpuset_mems, &mems) == 0 ? mems.word[0] : 0;
	}
	if (r == 0)
		r = cgroup_set_limits(def->name, &def->limits, err);
	if (r == 0)
		take_limits(g, &def->limits);
	struct ktstr_load merged;
	const struct ktstr_load *load;
	for (unsigned i = 0; r == 0 && (load = cgroup_load(def, i, &merged)); i++)
		r = spawn_add(s, g, load, def->swappable, err);
	return r;
}

/* --- payloads ----------------------------------------------------------------------------------------------------- */

int stage_run_payloads(struct stage *s, const struct ktstr_cgroup *g, struct err **err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && g->payloads && g->payloads[i]; i++) {
		struct ktstr_payload_run how = { .payload = g->payloads[i], .cgroup = g->name };
		struct payload *p;
		r = payload_start(s->t, &how, !s->t->in_step, &p, err);
	}
	return r;
}

void stage_stop_workers(struct stage *s, const char *cgroup)
{
	worker_set_stop(&s->step, cgroup);
	worker_set_stop(&s->backdrop, cgroup);
}

int stage_drop(struct stage *s, struct tracked *g, struct err **err)
{
	int r = g->frozen ? cgroup_freeze(g->name, false, err) : 0;
	stage_stop_workers(s, g->name);
	s->payloads = verdict_worse(s->payloads, payloads_end(s->t, g->name, false));
	for (unsigned i = 0; i < g->siblings; i++) {
		char name[WIRE_NAME_MAX + 24];
		snprintf(name, sizeof(name), CGROUP_SIBLING_FORMAT, g->name, i);
		r = r == 0 ? cgroup_remove(name, err) : r;
	}
	if (r == 0)
		r = cgroup_remove(g->name, err);
	/* Keeps the order: children come after their parents. */
	memmove(g, g + 1, (size_t)(&s->tracked[--s->count] - g) * sizeof(*g));
	return r;
}
