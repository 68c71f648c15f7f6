/* SPDX-License-Identifier: GPL-2.0-only */
/* topology.c -- see topology.h. */
#include <stdio.h>

#include "base/parse.h"
#include "topo/topology.h"

#define NODE_ALIGN_MIB	     128u /* a section of Linux's memory map */
#define NODE_FIRST_MIB	     256u
#define NODE_MIB_MAX	     (1u << 20)
#define DISTANCE_LOCAL	     10
#define DISTANCE_REMOTE	     20
#define DISTANCE_UNREACHABLE 255

/* One row per dimension: its name, its letter, its place, its limit. */
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

/* Memory in pieces of what Linux tells nodes apart by; the first node holds the kernel, the log and the initramfs. */
static int check_nodes(const struct ktstr_topology *t, struct err **err)
{
	unsigned count = ktstr_described_nodes(t->nodes), llcs = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct ktstr_numa_node *n = &t->nodes[i];
		unsigned least = i ? NODE_ALIGN_MIB : NODE_FIRST_MIB;
		if (n->memory_mib % NODE_ALIGN_MIB || n->memory_mib < least || n->memory_mib > NODE_MIB_MAX)
			return FAIL(err, ERR_DATA, -ERANGE,
				    "topology: node %u has %u MiB, must have %u to %u, and a multiple of %u", i,
				    n->memory_mib, least, NODE_MIB_MAX, NODE_ALIGN_MIB);
		llcs += n->llcs;
	}
	for (unsigned i = count; i < KTSTR_NODES_MAX; i++)
		if (t->nodes[i].llcs)
			return FAIL(err, ERR_DATA, -EINVAL, "topology: node %u has LLCs and no memory", i);
	if (!t->nodes[0].llcs)
		return FAIL(err, ERR_DATA, -EINVAL, "topology: the first node has no CPUs; put it behind another");
	return t->numa_nodes == count && t->llcs == llcs
		       ? 0
		       : FAIL(err, ERR_DATA, -EINVAL,
			      "topology: %u NUMA nodes and %u LLCs, but its nodes are %u with %u LLCs", t->numa_nodes,
			      t->llcs, count, llcs);
}

static int check_distances(const struct ktstr_topology *t, struct err **err)
{
	unsigned n = t->numa_nodes, given = 0;
	for (size_t i = 0; i < ARRAY_SIZE(t->distances); i++)
		given = t->distances[i] ? (unsigned)i + 1 : given;
	if (!given)
		return 0;
	if (n > KTSTR_NODES_MAX || given != n * n)
		return FAIL(err, ERR_DATA, -EINVAL, "topology: %u distances, must be %u for %u nodes (of at most %d)",
			    given, n * n, n, KTSTR_NODES_MAX);
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < n; j++) {
			unsigned d = t->distances[i * n + j];
			if (i == j ? d != DISTANCE_LOCAL : d <= DISTANCE_LOCAL || d == DISTANCE_UNREACHABLE)
				return FAIL(err, ERR_DATA, -ERANGE,
					    "topology: the distance from node %u to node %u is %u, must be %s", i, j, d,
					    i == j ? "10" : "11 to 254");
			if (d != t->distances[j * n + i])
				return FAIL(err, ERR_DATA, -EINVAL,
					    "topology: from node %u to node %u it is %u, and %u back; make them equal",
					    i, j, d, t->distances[j * n + i]);
		}
	return 0;
}

static int check_kinds(const struct ktstr_topology *t, struct err **err)
{
	unsigned cores = 0, most = 0, all = t->llcs * t->cores;
	for (unsigned i = 0; i < KTSTR_KINDS_MAX && t->kinds[i].cores; i++) {
		unsigned capacity = t->kinds[i].capacity;
		if (capacity < 1 || capacity > KTSTR_CAPACITY_MAX)
			return FAIL(err, ERR_DATA, -ERANGE, "topology: kind %u has capacity %u, must have 1 to %d", i,
				    capacity, KTSTR_CAPACITY_MAX);
		cores += MIN_OF(t->kinds[i].cores, (unsigned)TOPOLOGY_CPUS_MAX);
		most = MAX_OF(most, capacity);
	}
	if (!cores)
		return 0;
	if (cores != all)
		return FAIL(err, ERR_DATA, -EINVAL, "topology: its kinds have %u cores, and the machine has %u", cores,
			    all);
	return most == KTSTR_CAPACITY_MAX
		       ? 0
		       : FAIL(err, ERR_DATA, -EINVAL, "topology: the largest capacity is %u, must be %d", most,
			      KTSTR_CAPACITY_MAX);
}

int topology_check(const struct ktstr_topology *t, struct err **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(dimensions); i++) {
		unsigned v = *dimension((struct ktstr_topology *)t, i);
		if (v < 1 || v > dimensions[i].most)
			return FAIL(err, ERR_DATA, -ERANGE, "topology: %s is %u, must be 1 to %u", dimensions[i].name,
				    v, dimensions[i].most);
	}
	if (ktstr_described_nodes(t->nodes)) {
		int r = check_nodes(t, err);
		if (r < 0)
			return r;
	} else if (t->llcs % t->numa_nodes) {
		return FAIL(err, ERR_DATA, -EINVAL,
			    "topology does not divide: %u LLCs over %u NUMA nodes; make llcs a multiple of numa_nodes",
			    t->llcs, t->numa_nodes);
	}
	if ((uint64_t)t->llcs * t->cores * t->threads > TOPOLOGY_CPUS_MAX)
		return FAIL(err, ERR_DATA, -ERANGE, "topology: %u LLCs x %u cores x %u threads is more than %d CPUs",
			    t->llcs, t->cores, t->threads, TOPOLOGY_CPUS_MAX);
	int r = check_distances(t, err);
	return r == 0 ? check_kinds(t, err) : r;
}

uint64_t topology_described_mib(const struct ktstr_topology *t)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < ktstr_described_nodes(t->nodes); i++)
		sum += t->nodes[i].memory_mib;
	return sum;
}

uint64_t topology_node_mib(const struct ktstr_topology *t, unsigned node, uint64_t total)
{
	uint64_t each = total / t->numa_nodes;
	if (ktstr_described_nodes(t->nodes))
		return t->nodes[node].memory_mib;
	return node + 1 == t->numa_nodes ? total - each * node : each;
}

unsigned topology_distance(const struct ktstr_topology *t, unsigned from, unsigned to)
{
	if (t->distances[0])
		return t->distances[from * t->numa_nodes + to];
	return from == to ? DISTANCE_LOCAL : DISTANCE_REMOTE;
}

bool topology_first_cpu(const struct ktstr_topology *t, unsigned node, unsigned *ret)
{
	for (unsigned llc = 0; llc < t->llcs; llc++) {
		if (ktstr_node_of_llc(t, llc) != node)
			continue;
		*ret = llc * t->cores * t->threads;
		return true;
	}
	return false;
}

void topology_describe(const struct ktstr_topology *t, struct buf *out)
{
	char text[TOPOLOGY_TEXT_MAX];
	buf_puts(out, topology_format(t, text));
	for (unsigned i = 0; i < ktstr_described_nodes(t->nodes); i++)
		buf_appendf(out, " node %u: %u LLCs, %u MiB", i, t->nodes[i].llcs, t->nodes[i].memory_mib);
	for (unsigned i = 0; t->distances[0] && i < t->numa_nodes * t->numa_nodes; i++)
		buf_appendf(out, "%s%u", i ? "," : " distances ", t->distances[i]);
}

/* Signed, so that a declaration of -2 cores is shown as what was written. */
const char *topology_format(const struct ktstr_topology *t, char out[TOPOLOGY_TEXT_MAX])
{
	int n = snprintf(out, TOPOLOGY_TEXT_MAX, "%dn%dl%dc%dt", t->numa_nodes, t->llcs, t->cores, t->threads);
	for (unsigned i = 0; i < KTSTR_KINDS_MAX && t->kinds[i].cores && n < TOPOLOGY_TEXT_MAX; i++)
		n += snprintf(out + n, (size_t)(TOPOLOGY_TEXT_MAX - n), "%c%ux%u", i ? '+' : ':', t->kinds[i].cores,
			      t->kinds[i].capacity);
	return out;
}

static int bad_text(const char *text, struct err **err)
{
	return FAIL(err, ERR_USAGE, -EINVAL,
		    "'%s' is not a valid topology; write 1n2l4c1t or 1,2,4,1, and for cores that are not equal "
		    "1n1l8c1t:4x446+4x1024",
		    text);
}

/* ":4x446+4x1024". False: it is something else. */
static bool parse_kinds(const char *text, struct ktstr_topology *t)
{
	unsigned i = 0;
	do {
		int used = 0;
		if (i == KTSTR_KINDS_MAX || *text != (i ? '+' : ':') || text[1] < '1' || text[1] > '9' ||
		    sscanf(text + 1, "%4ux%4u%n", &t->kinds[i].cores, &t->kinds[i].capacity, &used) < 2 || !used)
			return false;
		text += 1 + used;
		i++;
	} while (*text);
	return true;
}

int topology_parse(const char *text, struct ktstr_topology *ret, struct err **err)
{
	struct ktstr_topology t = { 0 };
	const char *p = text;
	for (size_t i = 0; i < ARRAY_SIZE(dimensions); i++) {
		char digits[8];
		size_t n = 0;
		for (; *p >= '0' && *p <= '9' && n < sizeof(digits) - 1; p++)
			digits[n++] = *p;
		digits[n] = '\0';
		uint32_t value;
		bool last = i + 1 == ARRAY_SIZE(dimensions);
		bool letter = *p == dimensions[i].letter, comma = *p == ',' || (last && (!*p || *p == ':'));
		if (!n || parse_u32_range(digits, 0, UINT32_MAX, &value) < 0 || (!letter && !comma))
			return bad_text(text, err);
		*dimension(&t, i) = value;
		p += *p && *p != ':';
	}
	if (*p && !parse_kinds(p, &t))
		return bad_text(text, err);
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
