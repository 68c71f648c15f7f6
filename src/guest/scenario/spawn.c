/* SPDX-License-Identifier: GPL-2.0-only */
/* spawn.c -- see spawn.h. */
#include <stdio.h>

#include "guest/cgroup.h"
#include "guest/load.h"
#include "guest/scenario/spawn.h"
#include "guest/scenario/validate_load.h"
#include "guest/work/work.h"

/* Creates siblings of the cgroup, with its cpuset, for work types that move between cgroups. */
static int make_siblings(struct tracked *g, unsigned count, struct err **err)
{
	for (unsigned i = g->siblings; i < MIN_OF(count, (unsigned)GROUP_PATHS_MAX); i++) {
		char name[WIRE_NAME_MAX + 24];
		snprintf(name, sizeof(name), CGROUP_SIBLING_FORMAT, g->name, i);
		int r = cgroup_create(name, err);
		if (r == 0 && g->limited)
			r = cgroup_set_cpuset(name, &g->cpus, err);
		if (r < 0)
			return r;
		g->siblings = i + 1;
	}
	return 0;
}

/*
 * The nodes on which a load's memory should be: those of its memory policy, else those of its CPUs if it has a cpuset.
 */
static uint64_t nodes_of(const struct stage *s, const struct tracked *g, const struct ktstr_load *load)
{
	struct cpuset_bits nodes;
	if (load->mem_nodes && cpuset_parse(load->mem_nodes, &nodes) == 0)
		return nodes.word[0];
	if (load->numa_node.set && load->numa_node.value < 64)
		return (uint64_t)1 << load->numa_node.value;
	return g->nodes ? g->nodes : g->limited ? topology_nodes_of(s->t->topology, &g->cpus) : 0;
}

/*
 * Replaces a node by its CPUs, and SPIN_WAIT by the requested work type if the workers divide evenly into its groups.
 */
static struct ktstr_load settle_load(const struct ktstr_ctx *t, const struct ktstr_load *load, bool swappable,
				     unsigned count)
{
	struct ktstr_load other = *load;
	const struct ktstr_work *work = t->work_override;
	if (load->numa_node.set)
		other.affinity = (struct ktstr_affinity){ .kind = KTSTR_AFFINITY_NODE, .count = load->numa_node.value };
	if (work && swappable && load->work.type == KTSTR_WORK_SPIN_WAIT && count % work_group_size(work) == 0)
		other.work = *work;
	return other;
}

int spawn_add(struct stage *s, struct tracked *g, const struct ktstr_load *said, bool swappable, struct err **err)
{
	unsigned cpus = cpuset_count(&g->cpus);
	const struct ktstr_load other =
		settle_load(s->t, said, swappable || s->t->canned, load_workers(s->t->test, said, cpus));
	const struct ktstr_load *load = &other;
	unsigned count = load_workers(s->t->test, load, cpus);
	struct worker_place place = { .cgroup = g->name,
				      .limited = g->limited,
				      .cpus = g->cpus,
				      .step = s->index,
				      .nodes = nodes_of(s, g, load),
				      .terms = g->terms };
	int r = load_check(s->t->topology, g->name, said, &g->cpus, count, err);
	if (r == 0 && work_type(&load->work)->siblings)
		r = make_siblings(g, or_default(load->work.groups, 2), err);
	g->workers = true;
	return r == 0 ? worker_set_add(stage_workers(s), load, count, &place, err) : r;
}

int spawn_on_host(struct stage *s, const struct ktstr_load *said, struct err **err)
{
	const struct ktstr_load other = settle_load(s->t, said, false, 0), *load = &other;
	struct worker_place place = { .cgroup = "", .cpus = s->t->topology->all, .step = s->index };
	unsigned count = load_workers(s->t->test, load, s->t->topology->cpus);
	int r = load_check(s->t->topology, "(host)", said, &place.cpus, count, err);
	struct worker_set *workers = stage_workers(s);
	if (r == 0)
		r = worker_set_add(workers, load, count, &place, err);
	return r == 0 ? worker_set_start(workers, err) : r;
}
