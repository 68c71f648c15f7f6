/* SPDX-License-Identifier: GPL-2.0-only */
/* topology.h -- the processor topology that a test asks for. */
#ifndef KTSTR_TOPOLOGY_H
#define KTSTR_TOPOLOGY_H

#include <ktstr/language.h>

/* A switch that can be left alone. OFF is also what a limit (ktstr/check.h) is set to where it must not be checked. */
enum ktstr_switch {
	KTSTR_OFF = -1,
	KTSTR_UNSET,
	KTSTR_ON,
};

/*
 * Uniform: every NUMA node has the same number of LLCs, every LLC the same cores, every core the same threads.
 * 0 means "inherit": from the scheduler, else 1 node, 1 LLC, 2 cores, 1 thread. llcs counts the whole machine and
 * must be a multiple of numa_nodes. Written "1n2l4c1t".
 */
struct ktstr_topology {
	unsigned numa_nodes; /* 1 .. 64 */
	unsigned llcs;	     /* 1 .. 256 */
	unsigned cores;	     /* per LLC, 1 .. 256 */
	unsigned threads;    /* per core, 1 .. 8 */
};

/*
 * Which of the gauntlet's topologies a test runs on. 0: the scheduler's, else the default behind it. A test has these
 * fields as its own attributes, a scheduler in `constraints`.
 */
#define KTSTR_CONSTRAINT_FIELDS                                                              \
	unsigned min_llcs, max_llcs;		 /* 1, 12 */                                 \
	unsigned min_cpus, max_cpus;		 /* 1, 192 */                                \
	unsigned min_numa_nodes, max_numa_nodes; /* 1, 1: several nodes must be asked for */ \
	enum ktstr_switch requires_smt		 /* two threads a core or more */

struct ktstr_constraints {
	KTSTR_CONSTRAINT_FIELDS;
};

#endif
