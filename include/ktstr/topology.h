/* SPDX-License-Identifier: GPL-2.0-only */
/* topology.h -- the processor topology that a test needs. */
#ifndef KTSTR_TOPOLOGY_H
#define KTSTR_TOPOLOGY_H

#pragma GCC system_header /* see language.h */

#include <ktstr/language.h>

/* A switch that can be left unset. A limit (ktstr/check.h) that is set to OFF is not checked. */
enum ktstr_switch {
	KTSTR_OFF = -1,
	KTSTR_UNSET,
	KTSTR_ON,
};

#define KTSTR_NODES_MAX 8 /* that are described one by one */

/* A NUMA node that is described by itself. */
struct ktstr_numa_node {
	unsigned llcs;	     /* how many it takes of the machine's; 0: memory without CPUs, not for the first node */
	unsigned memory_mib; /* a multiple of 128; of the first node at least 256 */
};

#define KTSTR_KINDS_MAX	   4	/* of cores with different capacities */
#define KTSTR_CAPACITY_MAX 1024 /* of the fastest cores, as in the kernel */

/* Cores of one capacity. */
struct ktstr_cpu_kind {
	unsigned cores;	   /* so many of the machine's, in order of their numbers */
	unsigned capacity; /* 1 .. 1024: the work that one of their CPUs does in a given time */
};

/*
 * Uniform: every NUMA node has the same number of LLCs, every LLC the same cores, every core the same threads.
 * 0 means "inherit": from the scheduler, else 1 node, 1 LLC, 2 cores, 1 thread. llcs counts the whole machine and
 * must be a multiple of numa_nodes. Written "1n2l4c1t".
 *
 * With `nodes` they need not be alike: numa_nodes and llcs follow from them, and so does the memory of the machine.
 * `.nodes = { { .llcs = 2, .memory_mib = 512 }, { .memory_mib = 512 } }` has a second node without CPUs.
 */
struct ktstr_topology {
	unsigned numa_nodes;			       /* 1 .. 64 */
	unsigned llcs;				       /* 1 .. 256 */
	unsigned cores;				       /* per LLC, 1 .. 256 */
	unsigned threads;			       /* per core, 1 .. 8 */
	struct ktstr_numa_node nodes[KTSTR_NODES_MAX]; /* those with memory */
	/*
	 * From node to node, row by row, each row as long as there are nodes: 10 from a node to itself, more to others,
	 * the same in both directions. All 0: 20 to others. Linux shows them in sysfs.
	 */
	unsigned char distances[KTSTR_NODES_MAX * KTSTR_NODES_MAX];
	/*
	 * Cores that are not equal: `.kinds = { { 4, 446 }, { 4, 1024 } }`: four little cores, then four big ones.
	 * All cores are of some kind; one kind has 1024. All 0: cores are equal. Written "1n1l8c1t:4x446+4x1024".
	 */
	struct ktstr_cpu_kind kinds[KTSTR_KINDS_MAX];
};

/* The capacity of core number @core of the machine. */
static inline unsigned ktstr_core_capacity(const struct ktstr_topology *t, unsigned core)
{
	for (unsigned i = 0; i < KTSTR_KINDS_MAX && t->kinds[i].cores; i++) {
		if (core < t->kinds[i].cores)
			return t->kinds[i].capacity;
		core -= t->kinds[i].cores;
	}
	return KTSTR_CAPACITY_MAX;
}

/* How many nodes are described one by one; 0: they are alike. */
static inline unsigned ktstr_described_nodes(const struct ktstr_numa_node *nodes)
{
	unsigned count = 0;
	while (count < KTSTR_NODES_MAX && nodes[count].memory_mib)
		count++;
	return count;
}

/* The node of LLC number @llc. */
static inline unsigned ktstr_node_of_llc(const struct ktstr_topology *t, unsigned llc)
{
	unsigned count = ktstr_described_nodes(t->nodes), node = 0;
	if (!count)
		return llc / (t->llcs / t->numa_nodes);
	for (unsigned end = t->nodes[0].llcs; end <= llc && node + 1 < count; end += t->nodes[node].llcs)
		node++;
	return node;
}

/*
 * Which of the gauntlet's topologies a test runs on. 0 inherits the scheduler's value, else the default in the comment.
 * In a test these are direct fields; in a scheduler they are in `constraints`.
 */
#define KTSTR_CONSTRAINT_FIELDS                                                            \
	unsigned min_llcs, max_llcs;		 /* 1, 12 */                               \
	unsigned min_cpus, max_cpus;		 /* 1, 192 */                              \
	unsigned min_numa_nodes, max_numa_nodes; /* 1, 1: one node unless set otherwise */ \
	enum ktstr_switch requires_smt;		 /* two or more threads per core */        \
	enum ktstr_switch requires_kinds	 /* cores that are not equal; OFF: equal ones only */

struct ktstr_constraints {
	KTSTR_CONSTRAINT_FIELDS;
};

#endif
