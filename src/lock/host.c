/* SPDX-License-Identifier: GPL-2.0-only */
/* host.c -- makes a partition from the facts of sysfs: each CPU is in one LLC, core, package and node. See host.h. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "lock/host.h"

void host_done(struct host *h)
{
	free(h->cpu);
	free(h->llc);
	free(h->cell);
	free(h->node);
	for (unsigned i = 0; i < h->notes; i++)
		free(h->note[i]);
	*h = HOST_NULL;
}

/* Callers add one note per kind of contradiction, for the first CPU or node. */
static void add_note(struct host *h, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void add_note(struct host *h, const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	if (h->notes == HOST_NOTES_MAX)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) >= 0)
		h->note[h->notes++] = text;
	va_end(ap);
}

/*
 * The CPUs that share with @cpu: online, without a group so far, and listing @cpu in turn. @at is the offset of the set
 * in struct raw_cpu. A CPU with an empty set is alone.
 */
static struct cpuset_bits find_sharers(const struct host_raw *raw, const struct cpuset_bits *left, unsigned cpu,
				       size_t at, bool *ret_contradiction)
{
	const struct cpuset_bits *mine = (const void *)((const char *)&raw->cpu[cpu] + at);
	struct cpuset_bits group = { 0 }, said = set_and(mine, &raw->online);
	cpuset_add(&group, cpu);
	set_for_each(other, &said) {
		const struct cpuset_bits *theirs = (const void *)((const char *)&raw->cpu[other] + at);
		struct cpuset_bits theirs_online = set_and(theirs, &raw->online);
		if (cpuset_has(left, other) && cpuset_has(theirs, cpu))
			cpuset_add(&group, other);
		*ret_contradiction |= !set_equal(&theirs_online, &said);
	}
	/* A CPU that lists others but not itself is a contradiction, too. */
	*ret_contradiction |= !set_empty(mine) && !cpuset_has(mine, cpu);
	return group;
}

typedef void group_fn(struct host *h, const struct host_raw *raw, const struct cpuset_bits *cpus, unsigned index);

/* Splits the online CPUs into groups by the sets at @at, ordered by the lowest CPU of each; returns the number. */
static unsigned partition(struct host *h, const struct host_raw *raw, size_t at, const char *what, group_fn *each)
{
	struct cpuset_bits left = raw->online;
	unsigned count = 0;
	bool noted = false;
	for (unsigned cpu = set_next(&left, 0); cpu < SET_END; cpu = set_next(&left, cpu)) {
		bool odd = false;
		struct cpuset_bits group = find_sharers(raw, &left, cpu, at, &odd);
		if (odd && !noted)
			add_note(h, "cpu%u and the CPUs that it lists disagree on which CPUs share a %s", cpu, what);
		noted |= odd;
		each(h, raw, &group, count++);
		left = set_without(&left, &group);
	}
	return count;
}

static void add_package(struct host *h, const struct host_raw *raw, const struct cpuset_bits *cpus, unsigned index)
{
	(void)raw;
	set_for_each(cpu, cpus)
		h->cpu[cpu].package = (uint16_t)index;
}

static void add_core(struct host *h, const struct host_raw *raw, const struct cpuset_bits *cpus, unsigned index)
{
	uint16_t thread = 0;
	(void)raw;
	set_for_each(cpu, cpus) {
		h->cpu[cpu].core = (uint16_t)index;
		h->cpu[cpu].thread = thread++;
	}
}

static void add_llc(struct host *h, const struct host_raw *raw, const struct cpuset_bits *cpus, unsigned index)
{
	unsigned first = set_next(cpus, 0);
	h->llc[index] = (struct host_llc){ .cpus = *cpus, .node = h->cpu[first].node, .level = raw->cpu[first].level };
	set_for_each(cpu, cpus)
		h->cpu[cpu].llc = (uint16_t)index;
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

static void assign_cpus(struct host *h, const struct host_raw *raw)
{
	bool twice = false;
	for (unsigned n = 0; n < h->nodes; n++) {
		struct cpuset_bits mine = set_and(&raw->node[n].cpus, &raw->online);
		set_for_each(cpu, &mine) {
			if (h->cpu[cpu].node != HOST_NONE) {
				if (!twice)
					add_note(h, "cpu%u is in two nodes; the first is used", cpu);
				twice = true;
				continue;
			}
			h->cpu[cpu].node = (uint16_t)n;
			cpuset_add(&h->node[n].cpus, cpu);
		}
	}
}

/* A CPU that no node lists goes to the node of a CPU in its package, else to the first node. */
static void assign_stray_cpus(struct host *h, const struct host_raw *raw)
{
	bool noted = false;
	set_for_each(cpu, &raw->online) {
		if (h->cpu[cpu].node != HOST_NONE)
			continue;
		if (raw->nodes && !noted)
			add_note(h, "cpu%u is not in any node", cpu);
		noted = true;
		uint16_t node = 0;
		struct cpuset_bits near = set_and(&raw->cpu[cpu].package, &raw->online);
		set_for_each(other, &near) {
			if (h->cpu[other].node != HOST_NONE) {
				node = h->cpu[other].node;
				break;
			}
		}
		h->cpu[cpu].node = node;
		cpuset_add(&h->node[node].cpus, cpu);
	}
}

/* Distances: 10 to itself, more to others, the larger one in both directions, 20 where none is given. */
static void settle_distances(struct host *h, const struct host_raw *raw)
{
	bool noted = false;
	for (unsigned a = 0; a < h->nodes; a++) {
		for (unsigned b = 0; b < h->nodes; b++) {
			unsigned said = raw->nodes ? MAX_OF(raw->node[a].distance[b], raw->node[b].distance[a]) : 0;
			unsigned distance = a == b ? DISTANCE_LOCAL : said > DISTANCE_LOCAL ? said : 2 * DISTANCE_LOCAL;
			h->node[a].distance[b] = (uint16_t)distance;
			if (said && !noted && (distance != said || raw->node[a].distance[b] != said)) {
				add_note(h, "the distances between nodes %u and %u are inconsistent", h->node[a].id,
					 h->node[b].id);
				noted = true;
			}
		}
	}
}

static void build_nodes(struct host *h, const struct host_raw *raw)
{
	uint64_t memory = 0;
	h->nodes = raw->nodes ? raw->nodes : 1;
	for (unsigned n = 0; n < raw->nodes; n++) {
		h->node[n].id = raw->node[n].id;
		h->node[n].memory_kib = raw->node[n].memory_kib;
		memory += raw->node[n].memory_kib;
	}
	if (!memory)
		h->node[0].memory_kib = 1; /* not given for any node, but one must have memory */
	assign_cpus(h, raw);
	assign_stray_cpus(h, raw);
	settle_distances(h, raw);
}

/* --- the host ----------------------------------------------------------------------------------------------------- */

static int build_cells(struct host *h)
{
	unsigned count = 0;
	h->cell = calloc(h->cpus, sizeof(*h->cell)); /* no more cells than CPUs */
	if (!h->cell)
		return -ENOMEM;
	for (unsigned l = 0; l < h->llcs; l++) {
		struct cpuset_bits left = h->llc[l].cpus;
		while (!set_empty(&left)) {
			uint16_t node = h->cpu[set_next(&left, 0)].node;
			struct cpuset_bits here = set_and(&left, &h->node[node].cpus);
			REQUIRE(!set_empty(&here));
			h->cell[count++] = (struct host_cell){ .cpus = here, .llc = (uint16_t)l, .node = node };
			left = set_without(&left, &here);
		}
	}
	h->cells = count;
	return 0;
}

static void build_cpus(struct host *h, const struct host_raw *raw)
{
	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++)
		h->cpu[cpu] = (struct host_cpu){ HOST_NONE, HOST_NONE, HOST_NONE, HOST_NONE, 0, 0 };
	set_for_each(cpu, &raw->online)
		h->cpu[cpu].capacity = raw->cpu[cpu].capacity ? raw->cpu[cpu].capacity : 1024;
}

int host_build(const struct host_raw *raw, struct host *ret, struct err **err)
{
	struct host h = { .online = raw->online, .cpus = cpuset_count(&raw->online) };
	struct cpuset_bits offline = set_without(&raw->present, &raw->online);
	if (!h.cpus)
		return FAIL(err, ERR_DATA, -ENODATA, "no CPU is online; is sysfs mounted on /sys?");
	h.offline = cpuset_count(&offline);
	h.cpu = calloc(HOST_CPUS_MAX, sizeof(*h.cpu));
	h.llc = calloc(h.cpus, sizeof(*h.llc));
	h.node = calloc(HOST_NODES_MAX, sizeof(*h.node));
	if (!h.cpu || !h.llc || !h.node) {
		host_done(&h);
		return -ENOMEM;
	}
	build_cpus(&h, raw);
	build_nodes(&h, raw);
	h.packages = partition(&h, raw, offsetof(struct raw_cpu, package), "package", add_package);
	h.cores = partition(&h, raw, offsetof(struct raw_cpu, core), "core", add_core);
	h.llcs = partition(&h, raw, offsetof(struct raw_cpu, llc), "last-level cache", add_llc);
	if (build_cells(&h) < 0) {
		host_done(&h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}
