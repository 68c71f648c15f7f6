/* SPDX-License-Identifier: GPL-2.0-only */
/* topology.c -- see topology.h. */
#include <stdio.h>

#include "base/parse.h"
#include "topo/topology.h"

/* One row per dimension. */
static const struct {
	const char *name;
	char letter;
	size_t at;
	unsigned most;
} dimensions[] = {
	{ "numa_nodes", 'n', offsetof(struct ktstr_topology, numa_nodes), 64 },
	{ "llcs", 'l', offsetof(struct ktstr_topology, llcs), 256 },
	{ "cores", 'c', offsetof(struct ktstr_topology, cores), 256 },
	{ "threads", 't', offsetof(struct ktstr_topology, threads), 8 },
};

static unsigned *dimension(struct ktstr_topology *t, size_t i)
{
	return (unsigned *)((char *)t + dimensions[i].at);
}

int topology_check(const struct ktstr_topology *t, struct err **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(dimensions); i++) {
		unsigned v = *dimension((struct ktstr_topology *)t, i);
		if (v < 1 || v > dimensions[i].most)
			return FAIL(err, EXIT_BAD_DATA, -ERANGE, "topology: %s is %u, must be 1 to %u",
				    dimensions[i].name, v, dimensions[i].most);
	}
	if (t->llcs % t->numa_nodes)
		return FAIL(err, EXIT_BAD_DATA, -EINVAL,
			    "topology does not divide: %u LLCs over %u NUMA nodes; make llcs a multiple of numa_nodes",
			    t->llcs, t->numa_nodes);
	if ((uint64_t)t->llcs * t->cores * t->threads > TOPOLOGY_CPUS_MAX)
		return FAIL(err, EXIT_BAD_DATA, -ERANGE,
			    "topology: %u LLCs x %u cores x %u threads is more than %d CPUs", t->llcs, t->cores,
			    t->threads, TOPOLOGY_CPUS_MAX);
	return 0;
}

const char *topology_format(const struct ktstr_topology *t, char out[TOPOLOGY_TEXT_MAX])
{
	snprintf(out, TOPOLOGY_TEXT_MAX, "%un%ul%uc%ut", t->numa_nodes, t->llcs, t->cores, t->threads);
	return out;
}

int topology_parse(const char *text, struct ktstr_topology *ret, struct err **err)
{
	struct ktstr_topology t;
	const char *p = text;
	for (size_t i = 0; i < ARRAY_SIZE(dimensions); i++) {
		char digits[8];
		size_t n = 0;
		for (; *p >= '0' && *p <= '9' && n < sizeof(digits) - 1; p++)
			digits[n++] = *p;
		digits[n] = '\0';
		uint32_t value;
		bool last = i + 1 == ARRAY_SIZE(dimensions);
		bool letter = *p == dimensions[i].letter, comma = *p == ',' || (last && !*p);
		if (!n || parse_u32_range(digits, 0, UINT32_MAX, &value) < 0 || (!letter && !comma))
			return FAIL(err, EXIT_BAD_USAGE, -EINVAL,
				    "'%s' is not a valid topology; write 1n2l4c1t or "
				    "1,2,4,1",
				    text);
		*dimension(&t, i) = value;
		p += *p != '\0';
	}
	if (*p)
		return FAIL(err, EXIT_BAD_USAGE, -EINVAL,
			    "'%s' is not a valid topology; write 1n2l4c1t or "
			    "1,2,4,1",
			    text);
	int r = topology_check(&t, err);
	if (r == 0)
		*ret = t;
	return r;
}

static unsigned bits_for(unsigned count)
{
	unsigned bits = 0;
	while (1u << bits < count)
		bits++;
	return bits;
}

unsigned topology_apic_id_max(const struct ktstr_topology *t)
{
	unsigned thread_bits = bits_for(t->threads), core_bits = bits_for(t->cores);
	return (t->llcs - 1) << (core_bits + thread_bits) | (t->cores - 1) << thread_bits | (t->threads - 1);
}
