/* SPDX-License-Identifier: GPL-2.0-only */
/* load.h -- how many workers do a piece of work, and under which policies. */
#ifndef KTSTR_LOAD_H
#define KTSTR_LOAD_H

#pragma GCC system_header /* see language.h */

#include <ktstr/check.h>
#include <ktstr/work.h>

enum ktstr_policy_kind {
	KTSTR_POLICY_INHERIT, /* NORMAL */
	KTSTR_POLICY_NORMAL,
	KTSTR_POLICY_BATCH,
	KTSTR_POLICY_IDLE,
	KTSTR_POLICY_FIFO,
	KTSTR_POLICY_RR,
	KTSTR_POLICY_DEADLINE,
	KTSTR_POLICY_EXT,
	KTSTR_POLICY_KIND_MAX,
};

struct ktstr_policy {
	enum ktstr_policy_kind kind;
	unsigned priority;			     /* FIFO, RR: 1 .. 99 */
	unsigned runtime_us, deadline_us, period_us; /* DEADLINE: runtime <= deadline <= period; period 0: deadline */
};

#define KTSTR_POLICY(KIND) KTSTR_VALUE(ktstr_policy, .kind = KTSTR_POLICY_##KIND)
#define KTSTR_FIFO(p)	   KTSTR_VALUE(ktstr_policy, .kind = KTSTR_POLICY_FIFO, .priority = (p))
#define KTSTR_RR(p)	   KTSTR_VALUE(ktstr_policy, .kind = KTSTR_POLICY_RR, .priority = (p))
#define KTSTR_DEADLINE(r, d, p)                                                                         \
	KTSTR_VALUE(ktstr_policy, .kind = KTSTR_POLICY_DEADLINE, .runtime_us = (r), .deadline_us = (d), \
		    .period_us = (p))

/* The CPUs on which a worker may run. "The pool" is its cgroup's cpuset, or all usable CPUs if it has none. */
enum ktstr_affinity_kind {
	KTSTR_AFFINITY_INHERIT,	      /* no affinity of its own */
	KTSTR_AFFINITY_RANDOM_SUBSET, /* `count` random CPUs (0: half) of `list` (NULL: the pool), for each worker */
	KTSTR_AFFINITY_LLC_ALIGNED,   /* the pool's CPUs in the LLC that has most of them */
	KTSTR_AFFINITY_CROSS_CGROUP,  /* every CPU of the machine, also those of other cgroups */
	KTSTR_AFFINITY_SINGLE_CPU,    /* the pool's first CPU, for all workers */
	KTSTR_AFFINITY_SMT_PAIR,      /* each two successive workers share a core of the pool, one thread each */
	KTSTR_AFFINITY_EXACT,	      /* `list`, "0-3,8" */
	KTSTR_AFFINITY_NODE,	      /* the pool's CPUs on NUMA node `count` */
	KTSTR_AFFINITY_KIND_MAX,
};

struct ktstr_affinity {
	enum ktstr_affinity_kind kind;
	unsigned count;
	const char *list;
};

#define KTSTR_AFFINITY(KIND, ...) KTSTR_VALUE(ktstr_affinity, .kind = KTSTR_AFFINITY_##KIND, ##__VA_ARGS__)

enum ktstr_mem_policy {
	KTSTR_MEM_DEFAULT,
	KTSTR_MEM_BIND,
	KTSTR_MEM_PREFERRED, /* one node */
	KTSTR_MEM_INTERLEAVE,
	KTSTR_MEM_LOCAL, /* no nodes */
	KTSTR_MEM_PREFERRED_MANY,
	KTSTR_MEM_WEIGHTED_INTERLEAVE,
	KTSTR_MEM_POLICY_MAX,
};

/* The same values as in set_mempolicy(2). */
#define KTSTR_MPOL_STATIC_NODES	  (1u << 15)
#define KTSTR_MPOL_RELATIVE_NODES (1u << 14)
#define KTSTR_MPOL_NUMA_BALANCING (1u << 13)

/* A worker is a process of its own, or a thread of one process that all workers of the load share. */
enum ktstr_clone_mode { KTSTR_CLONE_FORK, KTSTR_CLONE_THREAD, KTSTR_CLONE_MODE_MAX };

#define KTSTR_NICE(n)                     \
	{                                 \
		.set = true, .value = (n) \
	}
#define KTSTR_ON_NODE(n)                  \
	{                                 \
		.set = true, .value = (n) \
	}

/*
 * The fields of a load. A cgroup has the same fields; they are its first load. If `workers` and `workers_share` are
 * both 0, the load has the test's workers_per_cgroup. workers_share * CPUs of the cpuset, rounded up, is a number of
 * workers; the share may be more than 1.
 */
#define KTSTR_LOAD_FIELDS                                                                                 \
	struct ktstr_work work;                                                                           \
	unsigned workers;                                                                                 \
	double workers_share;                                                                             \
	struct ktstr_policy policy;                                                                       \
	struct ktstr_affinity affinity;                                                                   \
	struct {                                                                                          \
		bool set;                                                                                 \
		int value;                                                                                \
	} nice; /* KTSTR_NICE(-20 .. 19) */                                                               \
	enum ktstr_mem_policy mem_policy;                                                                 \
	const char *mem_nodes; /* "0,2" */                                                                \
	unsigned mem_flags;    /* KTSTR_MPOL_* */                                                         \
	const char *comm;      /* at most 15 bytes */                                                     \
	const char *pcomm;     /* name of the process of CLONE_THREAD; implies it */                      \
	enum ktstr_clone_mode clone_mode;                                                                 \
	/* KTSTR_ON_NODE(n): runs on that node's CPUs, and prefers its memory unless mem_policy is set */ \
	struct {                                                                                          \
		bool set;                                                                                 \
		unsigned value;                                                                           \
	} numa_node;                                                                                      \
	unsigned uid, gid;	    /* 0: root */                                                         \
	struct ktstr_checks checks; /* of this load alone, over the test's */

struct ktstr_load {
	KTSTR_LOAD_FIELDS
};

/*
 * A list of further loads of one cgroup, ended by an entry without workers and share. They inherit nice, comm, pcomm,
 * uid, gid, numa_node and each check from the cgroup if they do not set them.
 */
#define KTSTR_LOADS(...) KTSTR_LIST(struct ktstr_load, __VA_ARGS__, { .workers = 0 })

#endif
