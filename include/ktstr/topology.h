/* SPDX-License-Identifier: GPL-2.0-only */
/* topology.h -- the processor topology that a test asks for. */
#ifndef KTSTR_TOPOLOGY_H
#define KTSTR_TOPOLOGY_H

/*
 * Uniform: every NUMA node has the same number of LLCs, every LLC the same cores, every core the same threads.
 * 0 means "inherit": from the scheduler, else 1 node, 1 LLC, 2 cores, 1 thread. llcs counts the whole machine and
 * must be a multiple of numa_nodes. Written "1n2l4c1t".
 */
struct ktstr_topology {
	unsigned numa_nodes;	/* 1 .. 64 */
	unsigned llcs;		/* 1 .. 256 */
	unsigned cores;		/* per LLC, 1 .. 256 */
	unsigned threads;	/* per core, 1 .. 8 */
};

#endif
