/* SPDX-License-Identifier: GPL-2.0-only */
/* inherit.c -- see inherit.h. */
#include <string.h>

#include "guest/inherit.h"

static unsigned first_set(unsigned a, unsigned b, unsigned otherwise)
{
	return a ? a : b ? b : otherwise;
}

struct ktstr_topology test_topology(const struct ktstr_test *t)
{
	static const struct ktstr_topology none = { 0 };
	const struct ktstr_topology *s = t->scheduler ? &t->scheduler->topology : &none;
	struct ktstr_topology p = {
		.numa_nodes = first_set(t->numa_nodes, s->numa_nodes, 1),
		.llcs = first_set(t->llcs, s->llcs, 1),
		.cores = first_set(t->cores, s->cores, 2),
		.threads = first_set(t->threads, s->threads, 1),
	};
	bool own = ktstr_described_nodes(t->nodes) || t->numa_nodes || t->llcs;
	memcpy(p.nodes, own ? t->nodes : s->nodes, sizeof(p.nodes));
	memcpy(p.distances, own || t->distances[0] ? t->distances : s->distances, sizeof(p.distances));
	bool own_cores = own || t->cores || t->kinds[0].cores;
	memcpy(p.kinds, own_cores ? t->kinds : s->kinds, sizeof(p.kinds));
	unsigned described = ktstr_described_nodes(p.nodes);
	if (described) {
		p.numa_nodes = described;
		p.llcs = 0;
	}
	for (unsigned i = 0; i < described; i++)
		p.llcs += p.nodes[i].llcs;
	return p;
}

struct ktstr_constraints test_constraints(const struct ktstr_test *t)
{
	const struct ktstr_constraints none = { 0 }, *c = &t->constraints;
	const struct ktstr_constraints *s = t->scheduler ? &t->scheduler->constraints : &none;
	return (struct ktstr_constraints){
		.min_llcs = first_set(c->min_llcs, s->min_llcs, 1),
		.max_llcs = first_set(c->max_llcs, s->max_llcs, 12),
		.min_cpus = first_set(c->min_cpus, s->min_cpus, 1),
		.max_cpus = first_set(c->max_cpus, s->max_cpus, 192),
		.min_numa_nodes = first_set(c->min_numa_nodes, s->min_numa_nodes, 1),
		.max_numa_nodes = first_set(c->max_numa_nodes, s->max_numa_nodes, 1),
		.requires_smt = c->requires_smt	  ? c->requires_smt
				: s->requires_smt ? s->requires_smt
						  : KTSTR_OFF,
		.requires_kinds = c->requires_kinds   ? c->requires_kinds
				  : s->requires_kinds ? s->requires_kinds
						      : KTSTR_OFF,
	};
}
