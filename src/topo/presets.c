/* SPDX-License-Identifier: GPL-2.0-only */
/* presets.c -- see presets.h. */
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "topo/presets.h"

#define SHAPE(n, l, c, t)                                                    \
	{                                                                    \
		.numa_nodes = (n), .llcs = (l), .cores = (c), .threads = (t) \
	}

#define KINDS(c, ...)                                                                            \
	{                                                                                        \
		.numa_nodes = 1, .llcs = 1, .cores = (c), .threads = 1, .kinds = { __VA_ARGS__ } \
	}

const struct preset presets[] = {
	{ "4cpu-1llc-nosmt", "tiny-1llc", SHAPE(1, 1, 4, 1) },
	{ "4cpu-2llc-nosmt", "tiny-2llc", SHAPE(1, 2, 2, 1) },
	{ "9cpu-3llc-nosmt", "odd-3llc", SHAPE(1, 3, 3, 1) },
	{ "15cpu-5llc-nosmt", "odd-5llc", SHAPE(1, 5, 3, 1) },
	{ "14cpu-7llc-nosmt", "odd-7llc", SHAPE(1, 7, 2, 1) },
	{ "8cpu-2llc-smt", "smt-2llc", SHAPE(1, 2, 2, 2) },
	{ "12cpu-3llc-smt", "smt-3llc", SHAPE(1, 3, 2, 2) },
	{ "32cpu-4llc-smt", "medium-4llc", SHAPE(1, 4, 4, 2) },
	{ "64cpu-8llc-smt", "medium-8llc", SHAPE(1, 8, 4, 2) },
	{ "128cpu-4llc-smt", "large-4llc", SHAPE(1, 4, 16, 2) },
	{ "128cpu-8llc-smt", "large-8llc", SHAPE(1, 8, 8, 2) },
	{ "240cpu-15llc-smt", "near-max-llc", SHAPE(1, 15, 8, 2) },
	{ "252cpu-14llc-smt", "max-cpu", SHAPE(1, 14, 9, 2) },
	{ "32cpu-4llc-nosmt", "medium-4llc-nosmt", SHAPE(1, 4, 8, 1) },
	{ "64cpu-8llc-nosmt", "medium-8llc-nosmt", SHAPE(1, 8, 8, 1) },
	{ "128cpu-4llc-nosmt", "large-4llc-nosmt", SHAPE(1, 4, 32, 1) },
	{ "128cpu-8llc-nosmt", "large-8llc-nosmt", SHAPE(1, 8, 16, 1) },
	{ "240cpu-15llc-nosmt", "near-max-llc-nosmt", SHAPE(1, 15, 16, 1) },
	{ "252cpu-14llc-nosmt", "max-cpu-nosmt", SHAPE(1, 14, 18, 1) },
	{ "2numa-32cpu-2llc-smt", NULL, SHAPE(2, 2, 8, 2) },
	{ "2numa-16cpu-4llc-nosmt", "numa2-4llc", SHAPE(2, 4, 4, 1) },
	{ "2numa-128cpu-8llc-smt", "numa2-8llc", SHAPE(2, 8, 8, 2) },
	{ "2numa-128cpu-8llc-nosmt", "numa2-8llc-nosmt", SHAPE(2, 8, 16, 1) },
	{ "4numa-32cpu-8llc-nosmt", "numa4-8llc", SHAPE(4, 8, 4, 1) },
	{ "4numa-192cpu-12llc-smt", "numa4-12llc", SHAPE(4, 12, 8, 2) },
	/* Cores that are not equal; the little ones come first, as on phones. */
	{ "4big-4little", NULL, KINDS(8, { 4, 446 }, { 4, 1024 }) },
	{ "2big-6little", NULL, KINDS(8, { 6, 446 }, { 2, 1024 }) },
	{ "1prime-3big-4little", NULL, KINDS(8, { 4, 325 }, { 3, 870 }, { 1, 1024 }) },
	{ "192cpu-11llc-smt", NULL, SHAPE(1, 11, 9, 2), .last_llc_cores = 6, .verifier_only = true },
	{ 0 },
};

const struct preset *preset_find(const char *name)
{
	for (const struct preset *p = presets; p->name; p++)
		if (!strcmp(p->name, name) || (p->old && !strcmp(p->old, name)))
			return p;
	return NULL;
}

const struct preset *preset_nearest(const char *name)
{
	const struct preset *best = NULL;
	unsigned distance = 5;
	for (const struct preset *p = presets; p->name; p++) {
		unsigned d = edit_distance(name, p->name);
		if (p->old && edit_distance(name, p->old) < d)
			d = edit_distance(name, p->old);
		if (d < distance) {
			distance = d;
			best = p;
		}
	}
	return best;
}

unsigned preset_cpus(const struct preset *p)
{
	unsigned missing = p->last_llc_cores ? p->topology.cores - p->last_llc_cores : 0;
	return topology_cpus(&p->topology) - missing * p->topology.threads;
}

const char *preset_refused(const struct preset *p, const struct ktstr_constraints *c, char *out, size_t size)
{
	const struct ktstr_topology *t = &p->topology;
	const struct {
		const char *what;
		unsigned has, least, most;
	} row[] = {
		{ "NUMA nodes", t->numa_nodes, c->min_numa_nodes, c->max_numa_nodes },
		{ "LLCs", t->llcs, c->min_llcs, c->max_llcs },
		{ "CPUs", preset_cpus(p), c->min_cpus, c->max_cpus },
	};
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		if (row[i].has >= row[i].least && row[i].has <= row[i].most)
			continue;
		snprintf(out, size, "%u %s, the test requires %u to %u", row[i].has, row[i].what, row[i].least,
			 row[i].most);
		return out;
	}
	bool wants_kinds = c->requires_kinds == KTSTR_ON;
	if (wants_kinds != topology_has_kinds(t))
		return wants_kinds ? "the test requires cores that are not equal" : "its cores are not equal";
	return c->requires_smt == KTSTR_ON && t->threads < 2 ? "the test requires SMT" : NULL;
}
