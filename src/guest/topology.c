/* SPDX-License-Identifier: GPL-2.0-only */
/* topology.c -- reads the guest's topology from sysfs, and resolves cpusets with it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "guest/topology.h"

static int read_text(const char *sysfs, const char *rel, struct buf *ret)
{
	_cleanup_free_ char *path = path_join(sysfs, rel);
	return path ? file_read(path, 65536, ret, NULL) : -ENOMEM;
}

static unsigned read_number(const char *sysfs, unsigned cpu, const char *leaf, unsigned otherwise)
{
	char rel[128];
	_cleanup_buf_ struct buf text = BUF_NULL;
	uint64_t value;
	snprintf(rel, sizeof(rel), "devices/system/cpu/cpu%u/%s", cpu, leaf);
	if (read_text(sysfs, rel, &text) < 0)
		return otherwise;
	text.data[strcspn(text.data, "\n")] = '\0';
	return parse_u64(text.data, &value) < 0 ? otherwise : (unsigned)value;
}

/* The lowest CPU that shares the last-level cache; the CPU itself if sysfs lists no cache. */
static unsigned read_llc(const char *sysfs, unsigned cpu)
{
	for (int index = 9; index >= 0; index--) {
		char rel[128];
		_cleanup_buf_ struct buf text = BUF_NULL;
		struct cpuset_bits shared;
		snprintf(rel, sizeof(rel), "devices/system/cpu/cpu%u/cache/index%d/shared_cpu_list", cpu, index);
		if (read_text(sysfs, rel, &text) < 0 || cpuset_parse(text.data, &shared) < 0)
			continue;
		for (unsigned c = 0; c < GUEST_CPUS_MAX; c++)
			if (cpuset_has(&shared, c))
				return c;
	}
	return cpu;
}

static void read_nodes(const char *sysfs, struct guest_topology *t)
{
	for (unsigned node = 0; node < 64; node++) {
		char rel[64];
		_cleanup_buf_ struct buf text = BUF_NULL;
		struct cpuset_bits cpus;
		snprintf(rel, sizeof(rel), "devices/system/node/node%u/cpulist", node);
		if (read_text(sysfs, rel, &text) < 0)
			continue;
		/* A memory-only node has an empty CPU list. */
		t->nodes = node + 1;
		if (cpuset_parse(text.data, &cpus) < 0)
			continue;
		for (unsigned i = 0; i < t->cpus; i++)
			if (cpuset_has(&cpus, t->cpu[i].cpu))
				t->cpu[i].node = (uint16_t)node;
	}
}

static void reserve_one(struct guest_topology *t)
{
	t->usable = t->all;
	if (t->cpus > 2) {
		unsigned last = t->cpu[t->cpus - 1].cpu;
		t->usable.word[last / 64] &= ~((uint64_t)1 << last % 64);
	}
}

void guest_topology_declared(const struct ktstr_topology *d, struct guest_topology *ret)
{
	unsigned in_llc = d->cores * d->threads, total = d->llcs * in_llc;
	*ret = (struct guest_topology){ .nodes = d->numa_nodes };
	for (unsigned c = 0; c < total && c < GUEST_CPUS_MAX; c++) {
		unsigned llc = c / in_llc;
		cpuset_add(&ret->all, c);
		ret->cpu[ret->cpus++] = (struct wire_cpu){
			.cpu = (uint16_t)c,
			.node = (uint16_t)ktstr_node_of_llc(d, llc),
			.package = (uint16_t)llc,
			.core = (uint16_t)(c % in_llc / d->threads),
			.llc = (uint16_t)(llc * in_llc),
		};
	}
	reserve_one(ret);
}

static bool same_core(const struct wire_cpu *a, const struct wire_cpu *b)
{
	return a->core == b->core && a->llc == b->llc && a->package == b->package;
}

/* A core by its first thread in the pool, and the second one. */
struct core {
	const struct wire_cpu *first, *second;
};

/* The core of @cpu, which is added if it is new. Threads of a core are mostly neighbours: the newest come first. */
static struct core *core_of(struct core *core, unsigned *count, const struct wire_cpu *cpu)
{
	for (unsigned i = *count; i-- > 0;)
		if (same_core(core[i].first, cpu))
			return &core[i];
	core[*count] = (struct core){ .first = cpu };
	return &core[(*count)++];
}

unsigned topology_smt_pairs(const struct guest_topology *t, const struct cpuset_bits *pool, struct smt_pair *pair)
{
	struct core core[GUEST_CPUS_MAX];
	unsigned cores = 0, pairs = 0;
	for (unsigned i = 0; i < t->cpus; i++) {
		if (!cpuset_has(pool, t->cpu[i].cpu))
			continue;
		struct core *c = core_of(core, &cores, &t->cpu[i]);
		if (c->first != &t->cpu[i] && !c->second)
			c->second = &t->cpu[i];
	}
	for (unsigned i = 0; i < cores; i++)
		if (core[i].second)
			pair[pairs++] = (struct smt_pair){ { core[i].first->cpu, core[i].second->cpu } };
	return pairs;
}

uint64_t topology_nodes_of(const struct guest_topology *t, const struct cpuset_bits *cpus)
{
	uint64_t nodes = 0;
	for (unsigned i = 0; i < t->cpus; i++)
		if (cpuset_has(cpus, t->cpu[i].cpu) && t->cpu[i].node < 64)
			nodes |= (uint64_t)1 << t->cpu[i].node;
	return nodes;
}

int guest_topology_read(const char *sysfs, struct guest_topology *ret)
{
	_cleanup_buf_ struct buf online = BUF_NULL;
	int r = read_text(sysfs, "devices/system/cpu/online", &online);
	*ret = (struct guest_topology){ 0 };
	if (r == 0)
		r = cpuset_parse(online.data, &ret->all);
	if (r < 0)
		return r;
	for (unsigned c = 0; c < GUEST_CPUS_MAX; c++) {
		if (!cpuset_has(&ret->all, c))
			continue;
		ret->cpu[ret->cpus++] = (struct wire_cpu){
			.cpu = (uint16_t)c,
			.package = (uint16_t)read_number(sysfs, c, "topology/physical_package_id", 0),
			.core = (uint16_t)read_number(sysfs, c, "topology/core_id", c),
			.llc = (uint16_t)read_llc(sysfs, c),
		};
	}
	read_nodes(sysfs, ret);
	reserve_one(ret);
	return 0;
}

/* --- cpusets ------------------------------------------------------------------------------------------------------ */

static unsigned nth_llc(const struct guest_topology *t, unsigned index, unsigned *count)
{
	unsigned id = 0;
	*count = 0;
	for (unsigned i = 0; i < t->cpus; i++) {
		if (t->cpu[i].llc != t->cpu[i].cpu)
			continue;
		if ((*count)++ == index)
			id = t->cpu[i].llc;
	}
	return id;
}

unsigned topology_llcs(const struct guest_topology *t)
{
	unsigned count;
	nth_llc(t, 0, &count);
	return count;
}

static unsigned node_count(const struct guest_topology *t)
{
	unsigned count = 0;
	for (unsigned i = 0; i < t->cpus; i++)
		count = MAX_OF(count, t->cpu[i].node + 1u);
	return count;
}

static void add_where(const struct guest_topology *t, bool by_node, unsigned id, struct cpuset_bits *set)
{
	for (unsigned i = 0; i < t->cpus; i++)
		if ((by_node ? t->cpu[i].node : t->cpu[i].llc) == id && cpuset_has(&t->usable, t->cpu[i].cpu))
			cpuset_add(set, t->cpu[i].cpu);
}

/* Adds the usable CPUs with indices in [first, last), counted from 0. */
static void add_slice(const struct guest_topology *t, unsigned first, unsigned last, struct cpuset_bits *set)
{
	unsigned nth = 0;
	for (unsigned c = 0; c < GUEST_CPUS_MAX; c++) {
		if (!cpuset_has(&t->usable, c))
			continue;
		if (nth >= first && nth < last)
			cpuset_add(set, c);
		nth++;
	}
}

static void add_part(const struct guest_topology *t, unsigned index, unsigned of, double share, struct cpuset_bits *set)
{
	unsigned usable = cpuset_count(&t->usable), chunk = usable / of;
	unsigned first = index * chunk, last = index + 1 == of ? usable : first + chunk;
	unsigned more = (unsigned)((double)chunk * share);
	add_slice(t, first > more ? first - more : 0, MIN_OF(last + more, usable), set);
}

static int refuse(char *why, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int refuse(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static int resolve_list(const struct guest_topology *t, const char *list, struct cpuset_bits *set, char *why,
			size_t size)
{
	struct cpuset_bits outside = { 0 };
	char text[CPUSET_TEXT_MAX], all[CPUSET_TEXT_MAX];
	if (!list || cpuset_parse(list, set) < 0)
		return refuse(why, size, "'%s' is not a CPU list", list ? list : "");
	if (!cpuset_count(set))
		return refuse(why, size, "the list of KTSTR_CPUS is empty");
	for (size_t i = 0; i < CPUSET_WORDS; i++)
		outside.word[i] = set->word[i] & ~t->all.word[i];
	if (cpuset_count(&outside))
		return refuse(why, size, "KTSTR_CPUS names CPUs %.60s, the topology has %.60s",
			      cpuset_format(&outside, text, sizeof(text)), cpuset_format(&t->all, all, sizeof(all)));
	return 0;
}

static int resolve_part(const struct guest_topology *t, const struct ktstr_cpuset *spec, struct cpuset_bits *set,
			char *why, size_t size)
{
	double share = spec->kind == KTSTR_CPUSET_OVERLAP ? spec->share : 0;
	unsigned usable = cpuset_count(&t->usable);
	if (!spec->of)
		return refuse(why, size, "KTSTR_DISJOINT and KTSTR_OVERLAP need 1 part or more, not 0");
	if (spec->index >= spec->of)
		return refuse(why, size, "there is no part %u of %u: parts are numbered from 0", spec->index, spec->of);
	if (!(share >= 0 && share <= 1))
		return refuse(why, size, "the share %g of KTSTR_OVERLAP is not between 0 and 1", share);
	if (usable < spec->of)
		return refuse(why, size, "not enough usable CPUs (%u) for %u parts", usable, spec->of);
	add_part(t, spec->index, spec->of, share, set);
	return 0;
}

static int resolve_range(const struct guest_topology *t, const struct ktstr_cpuset *spec, struct cpuset_bits *set,
			 char *why, size_t size)
{
	double s = spec->start, e = spec->end, usable = cpuset_count(&t->usable);
	if (!__builtin_isfinite(s) || !__builtin_isfinite(e))
		return refuse(why, size, "KTSTR_RANGE(%g, %g) is not finite", s, e);
	if (s < 0 || s > 1 || e < 0 || e > 1)
		return refuse(why, size, "KTSTR_RANGE(%g, %g) is not between 0 and 1", s, e);
	if (s >= e)
		return refuse(why, size, "KTSTR_RANGE(%g, %g) ends before it starts", s, e);
	add_slice(t, (unsigned)(usable * s), (unsigned)(usable * e), set);
	return 0;
}

int cpuset_resolve(const struct guest_topology *t, const struct ktstr_cpuset *spec, struct cpuset_bits *ret, char *why,
		   size_t size)
{
	struct cpuset_bits set = { 0 };
	unsigned count, id = nth_llc(t, spec->index, &count);
	int r = 0;
	switch (spec->kind) {
	case KTSTR_CPUSET_ALL:
		set = t->all;
		break;
	case KTSTR_CPUSET_LLC:
		if (spec->index >= count)
			return refuse(why, size, "KTSTR_LLC(%u): the topology has %u LLC%s, numbered from 0",
				      spec->index, count, plural(count));
		add_where(t, false, id, &set);
		break;
	case KTSTR_CPUSET_NODE:
		if (spec->index >= node_count(t))
			return refuse(why, size, "KTSTR_NODE(%u): the topology has %u NUMA node%s, numbered from 0",
				      spec->index, node_count(t), plural(node_count(t)));
		add_where(t, true, spec->index, &set);
		break;
	case KTSTR_CPUSET_DISJOINT:
	case KTSTR_CPUSET_OVERLAP:
		r = resolve_part(t, spec, &set, why, size);
		break;
	case KTSTR_CPUSET_RANGE:
		r = resolve_range(t, spec, &set, why, size);
		break;
	case KTSTR_CPUSET_LIST:
		r = resolve_list(t, spec->list, &set, why, size);
		break;
	case KTSTR_CPUSET_KIND_MAX:
		return refuse(why, size, "unknown kind of cpuset");
	}
	if (r == 0 && !cpuset_count(&set))
		return refuse(why, size, "the cpuset has no usable CPU");
	if (r == 0)
		*ret = set;
	return r;
}
