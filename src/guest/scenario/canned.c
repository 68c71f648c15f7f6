/* SPDX-License-Identifier: GPL-2.0-only */
/* canned.c -- canned scenarios by name. */
#include <stdio.h>
#include <string.h>

#include "guest/scenario/canned.h"
#include "guest/ctx.h"

#define CANNED_MAX 128

static const struct canned *const tables[] = { canned_loads, canned_changes, canned_measured };

const struct ktstr_canned *ktstr_canned_list(void)
{
	static struct ktstr_canned list[CANNED_MAX + 1];
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct canned *c = tables[i]; c->info.name && n < CANNED_MAX; c++)
			list[n++] = c->info;
	return list;
}

static bool is_called(const struct canned *c, const char *name)
{
	size_t len = strlen(name);
	if (!strcmp(c->info.name, name))
		return true;
	for (const char *at = c->also; at && *at; at += strcspn(at, " ") + 1)
		if (strcspn(at, " ") == len && !strncmp(at, name, len))
			return true;
	return false;
}

const struct canned *canned_find(const char *name)
{
	if (!strncmp(name, "custom_", 7))
		name += 7;
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		for (const struct canned *c = tables[i]; c->info.name; c++)
			if (is_called(c, name))
				return c;
	return NULL;
}

static bool too_small(const struct guest_topology *t, const struct ktstr_canned *c, char *why, size_t size)
{
	uint64_t nodes = topology_nodes_of(t, &t->all);
	unsigned cpus = cpuset_count(&t->usable), llcs = topology_llcs(t),
		 with_cpus = (unsigned)__builtin_popcountll(nodes);
	if (cpus < c->min_cpus)
		snprintf(why, size, "not enough CPUs: %u usable, '%s' needs %u", cpus, c->name, c->min_cpus);
	else if (llcs < c->min_llcs)
		snprintf(why, size, "not enough LLCs: %u, '%s' needs %u", llcs, c->name, c->min_llcs);
	else if (with_cpus < c->min_nodes)
		snprintf(why, size, "not enough NUMA nodes: %u, '%s' needs %u", with_cpus, c->name, c->min_nodes);
	else
		return false;
	return true;
}

enum ktstr_verdict ktstr_run_canned(struct ktstr_ctx *t, const char *name)
{
	char why[160];
	const struct canned *c = canned_find(name);
	if (!c) {
		ktstr_expect(t, 0, "no canned scenario is called '%s'", name);
		return KTSTR_FAIL;
	}
	if (!too_small(t->topology, &c->info, why, sizeof(why))) {
		t->canned = true;
		enum ktstr_verdict v = ktstr_run_scenario(t, &c->scenario);
		t->canned = false;
		return v;
	}
	return ktstr_skip(t, "%s", why);
}
