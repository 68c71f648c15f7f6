/* SPDX-License-Identifier: GPL-2.0-only */
/* topology.h -- counts, checks, formats and parses declared topologies. */
#ifndef KTSTR_TOPO_TOPOLOGY_H
#define KTSTR_TOPO_TOPOLOGY_H

#include <ktstr/topology.h>

#include "base/buf.h"
#include "base/err.h"

#define TOPOLOGY_TEXT_MAX 64
#define TOPOLOGY_CPUS_MAX 512

static inline unsigned topology_cpus(const struct ktstr_topology *t)
{
	return t->llcs * t->cores * t->threads;
}

/*
 * 0 when all dimensions are in range, llcs is a multiple of numa_nodes or fits the described nodes, distances are
 * symmetric, all cores are of one of the kinds, if there are any, and there are at most TOPOLOGY_CPUS_MAX CPUs.
 */
int topology_check(const struct ktstr_topology *t, struct err **err);
/* "1n2l4c1t", or "1n1l8c1t:4x446+4x1024"; @out has TOPOLOGY_TEXT_MAX bytes. */
const char *topology_format(const struct ktstr_topology *t, char out[TOPOLOGY_TEXT_MAX]);
/* The same with everything else that makes it another machine: nodes that are described, and distances. */
void topology_describe(const struct ktstr_topology *t, struct buf *out);
/* Memory of node @node in MiB, of @total: as described, else equal parts, the rest to the last. */
uint64_t topology_node_mib(const struct ktstr_topology *t, unsigned node, uint64_t total);
/* Memory of all nodes that are described; 0: they are alike, and the machine may have any. */
uint64_t topology_described_mib(const struct ktstr_topology *t);
unsigned topology_distance(const struct ktstr_topology *t, unsigned from, unsigned to);
/* The first CPU of node @node; false: it has memory only. */
bool topology_first_cpu(const struct ktstr_topology *t, unsigned node, unsigned *ret);
/* Whether its CPUs have different capacities. */
static inline _Bool topology_has_kinds(const struct ktstr_topology *t)
{
	return t->kinds[0].cores;
}
/* Parses the format above, or "1,2,4,1". */
int topology_parse(const char *text, struct ktstr_topology *ret, struct err **err);

/*
 * The highest APIC id. It decides whether a backend without x2APIC can run the topology. Ids are made of bit fields,
 * one per level, so there are gaps where a count is not a power of two (Intel SDM vol. 3, "Hierarchical mapping of
 * CPUID extended topology leaf").
 */
unsigned topology_apic_id_max(const struct ktstr_topology *t);

#endif
