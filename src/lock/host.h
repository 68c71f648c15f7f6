/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host.h -- the machine's own processors as sysfs tells them: packages, last-level caches, cores, threads, nodes.
 *
 * Read below a root path, so that recorded trees stand in for machines. What the tree leaves out is filled in (no cache
 * directory: die, package or node), and what it says against itself is settled the same way every time and noted:
 * two CPUs share a cache or a core only when each of them says so.
 */
#ifndef KTSTR_LOCK_HOST_H
#define KTSTR_LOCK_HOST_H

#include "base/err.h"
#include "lock/set.h"

#define HOST_CPUS_MAX  CPUSET_CPUS_MAX
#define HOST_NODES_MAX 64
#define HOST_NONE      UINT16_MAX /* llc, node, core, package of a CPU that is not online */
#define HOST_NOTES_MAX 8
#define DISTANCE_LOCAL 10

struct host_cpu {
	uint16_t llc, node, core, package; /* indexes, dense, in the order of each one's lowest CPU */
	uint16_t thread;		   /* place among the CPUs of its core, from 0 */
	uint16_t capacity;		   /* 1024: the fastest kind in this machine; smaller ones are slower */
};

struct host_llc {
	struct cpuset_bits cpus;
	uint16_t node; /* of its lowest CPU */
	uint8_t level; /* of the cache; 0: no cache directory, so a guess */
};

/* The CPUs that an LLC and a node have in common; the same as the LLC wherever no LLC spans nodes. */
struct host_cell {
	struct cpuset_bits cpus;
	uint16_t llc, node;
};

struct host_node {
	struct cpuset_bits cpus;	   /* empty: memory only (CXL, HBM) */
	uint64_t memory_kib;		   /* 0: CPUs only */
	uint16_t id;			   /* the kernel's number; ids may have holes */
	uint16_t distance[HOST_NODES_MAX]; /* to each node, by index; 10 is local */
};

struct host {
	struct cpuset_bits online;
	struct host_cpu *cpu; /* HOST_CPUS_MAX of them */
	struct host_llc *llc;
	struct host_cell *cell; /* by LLC, then node */
	struct host_node *node; /* HOST_NODES_MAX of them; by id */
	unsigned cpus, llcs, cells, nodes, cores, packages;
	unsigned offline;	    /* present but not online */
	char *note[HOST_NOTES_MAX]; /* what the tree said against itself, a line each */
	unsigned notes;
};

#define HOST_NULL ((struct host){ 0 })

/* Where a tree comes from: @read replaces *@ret by the whole file at @path ("sys/..."), or is a negative errno. */
struct host_source {
	int (*read)(void *data, const char *path, struct buf *ret);
	void *data;
};

int host_read_from(const struct host_source *from, struct host *ret, struct err **err);
/* @root: "" for this machine, else the directory that stands for "/". */
int host_read(const char *root, struct host *ret, struct err **err);
void host_done(struct host *h);

/* --- for tests: the second step alone ----------------------------------------------------------------------------- */

struct raw_cpu {
	struct cpuset_bits llc, core, package; /* who shares it, as this CPU says; empty: it does not say */
	uint16_t capacity;
	uint8_t level;
};

struct raw_node {
	struct cpuset_bits cpus;
	uint64_t memory_kib;
	uint16_t id;
	uint16_t distance[HOST_NODES_MAX]; /* 0: not said */
};

struct host_raw {
	struct cpuset_bits present, online;
	struct raw_cpu cpu[HOST_CPUS_MAX];
	struct raw_node node[HOST_NODES_MAX];
	unsigned nodes;
};

/* Makes a partition of whatever @raw says; fails only when no CPU is online or memory runs out. */
int host_build(const struct host_raw *raw, struct host *ret, struct err **err);
/* "10 21 31": @max numbers at most, each in 1..65535; the count, or -EINVAL. */
int distances_parse(const char *text, uint16_t *ret, unsigned max);

/* --- what this process may use ------------------------------------------------------------------------------------ */

/* sched_getaffinity(2), or Cpus_allowed_list of /proc/self/status where it fails; never empty. */
int cpus_allowed(struct cpuset_bits *ret, struct err **err);

#endif
