/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host.h -- the processors of this machine as sysfs describes them: packages, last-level caches, cores, threads, nodes.
 *
 * Files are read below a root path, so tests can use recorded trees. Missing facts are guessed (no cache directory:
 * die, package or node). Contradictions are resolved by fixed rules and noted: two CPUs share a cache or a core only
 * when each lists the other.
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
	uint16_t llc, node, core, package; /* dense indexes, ordered by the lowest CPU of each */
	uint16_t thread;		   /* index among the CPUs of its core */
	uint16_t capacity;		   /* 1024: the fastest kind of core in this machine; less: slower */
};

struct host_llc {
	struct cpuset_bits cpus;
	uint16_t node; /* of its lowest CPU */
	uint8_t level; /* of the cache; 0: no cache directory, the set is a guess */
};

/* The CPUs that an LLC and a node have in common. Equals the LLC unless it spans nodes. */
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
	struct host_cpu *cpu; /* HOST_CPUS_MAX entries */
	struct host_llc *llc;
	struct host_cell *cell; /* by LLC, then node */
	struct host_node *node; /* HOST_NODES_MAX entries, by id */
	unsigned cpus, llcs, cells, nodes, cores, packages;
	unsigned offline;	    /* present but not online */
	char *note[HOST_NOTES_MAX]; /* contradictions in the tree, one line each */
	unsigned notes;
};

#define HOST_NULL ((struct host){ 0 })

/* The source of a tree: @read replaces *@ret by the whole file at @path ("sys/..."), or returns a negative errno. */
struct host_source {
	int (*read)(void *data, const char *path, struct buf *ret);
	void *data;
};

int host_read_from(const struct host_source *from, struct host *ret, struct err **err);
/* @root: "" for this machine, else a directory to read in place of "/". */
int host_read(const char *root, struct host *ret, struct err **err);
void host_done(struct host *h);

/* --- for tests: the second step alone ----------------------------------------------------------------------------- */

struct raw_cpu {
	struct cpuset_bits llc, core, package; /* CPUs that share it, according to this CPU; empty: not given */
	uint16_t capacity;
	uint8_t level;
};

struct raw_node {
	struct cpuset_bits cpus;
	uint64_t memory_kib;
	uint16_t id;
	uint16_t distance[HOST_NODES_MAX]; /* 0: not given */
};

struct host_raw {
	struct cpuset_bits present, online;
	struct raw_cpu cpu[HOST_CPUS_MAX];
	struct raw_node node[HOST_NODES_MAX];
	unsigned nodes;
};

/* Makes a partition from @raw, consistent or not. Fails only when no CPU is online or memory runs out. */
int host_build(const struct host_raw *raw, struct host *ret, struct err **err);
/* Parses "10 21 31": at most @max numbers, each in 1..65535. Returns the count, or -EINVAL. */
int distances_parse(const char *text, uint16_t *ret, unsigned max);

/* --- what this process may use ------------------------------------------------------------------------------------ */

/* sched_getaffinity(2), or Cpus_allowed_list of /proc/self/status where it fails; never empty. */
int cpus_allowed(struct cpuset_bits *ret, struct err **err);

#endif
