/* SPDX-License-Identifier: GPL-2.0-only */
/* topology.h -- the processor topology that a test needs. */
#ifndef KTSTR_TOPOLOGY_H
#define KTSTR_TOPOLOGY_H

/* A switch that can also be unset. KTSTR_OFF is also a value of limits (ktstr/check.h): do not check. */
enum ktstr_switch {
	KTSTR_OFF = -1,
	KTSTR_UNSET,
	KTSTR_ON,
};

/*
 * Uniform: all NUMA nodes have the same number of LLCs, all LLCs the same number of cores, all cores the same number of
 * threads. 0 inherits the scheduler's value, else 1 node, 1 LLC, 2 cores, 1 thread. llcs counts the whole machine and
 * must be a multiple of numa_nodes. As text: "1n2l4c1t".
 */
struct ktstr_topology {
	unsigned numa_nodes; /* 1 .. 64 */
	unsigned llcs;	     /* 1 .. 256 */
	unsigned cores;	     /* per LLC, 1 .. 256 */
	unsigned threads;    /* per core, 1 .. 8 */
};

/*
 * Which of the gauntlet's topologies a test runs on. 0 inherits the scheduler's value, else the default in the comment.
 * In a test these are direct fields; in a scheduler they are in `constraints`.
 */
#define KTSTR_CONSTRAINT_FIELDS                                                            \
	unsigned min_llcs, max_llcs;		 /* 1, 12 */                               \
	unsigned min_cpus, max_cpus;		 /* 1, 192 */                              \
	unsigned min_numa_nodes, max_numa_nodes; /* 1, 1: one node unless set otherwise */ \
	enum ktstr_switch requires_smt		 /* two or more threads per core */

struct ktstr_constraints {
	KTSTR_CONSTRAINT_FIELDS;
};

#endif
