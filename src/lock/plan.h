/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan.h -- which host CPUs a machine or a build gets: a pure function of host, allowed CPUs, lock holders and request.
 *
 *   performance  each virtual LLC gets a host LLC, locked exclusively; vCPUs 1:1; one service CPU
 *   default      vCPUs 1:1 on exclusively locked CPUs, LLCs locked shared; virtual LLCs are kept whole where possible
 *   budget       exactly N CPUs for any number of threads; LLCs locked shared, CPUs not locked
 *
 * All three prefer the fewest nodes, then the nearest ones, then the fewest LLCs in them, then LLCs that are shared
 * already (so that free LLCs stay free), then the lowest number.
 */
#ifndef KTSTR_LOCK_PLAN_H
#define KTSTR_LOCK_PLAN_H

#include <ktstr/topology.h>

#include "lock/host.h"

enum plan_tier { PLAN_PERFORMANCE, PLAN_DEFAULT, PLAN_BUDGET, PLAN_TIER_MAX };

struct cpu_request {
	enum plan_tier tier;
	struct ktstr_topology topology; /* of the machine; all zero for a build, which has a budget */
	unsigned cpus;			/* budget: at least 1 */
	unsigned rotate;		/* budget: any number; spreads equal requests over the CPUs of an LLC */
	bool service;			/* default: also a CPU for the device and monitor threads, if one is free */
};

/* What is held already; all zero: nothing. */
struct plan_holders {
	uint16_t llc_shared[HOST_CPUS_MAX]; /* number of holders of the shared lock, by LLC index */
	struct cpuset_bits llc_exclusive;   /* LLC indexes */
	struct cpuset_bits cpus;	    /* CPUs whose lock is held */
	struct cpuset_bits busy;	    /* CPUs that this process uses; budgets prefer others */
};

struct cpu_plan {
	enum plan_tier tier;
	struct cpuset_bits cpus; /* all CPUs to run on: the affinity mask */
	struct cpuset_bits mems; /* kernel ids of the nodes to allocate memory from */
	struct cpuset_bits llcs; /* indexes of LLCs to lock */
	bool llcs_exclusive;
	struct cpuset_bits shared_llcs; /* of @llcs, those locked shared nevertheless (service CPU of performance) */
	struct cpuset_bits cpu_locks;	/* CPUs to lock, exclusively */
	uint16_t vcpu[HOST_CPUS_MAX];	/* performance, default: host CPU of each vCPU; HOST_NONE when overcommitted */
	unsigned vcpus;
	uint16_t service;   /* HOST_NONE: none */
	uint16_t nodes;	    /* number of nodes that @cpus belong to */
	bool aligned;	    /* no virtual LLC is split across host LLCs */
	bool overcommitted; /* default: fewer allowed CPUs than vCPUs; nothing is reserved */
};

/*
 * 0; -EBUSY: an idle host could satisfy the request, but others hold too much now; -ERANGE: this host never can
 * (topology too large for performance, budget over the allowed CPUs). @holders may be NULL. @ret is set on success
 * only.
 */
int cpu_plan_make(const struct host *h, const struct cpuset_bits *allowed, const struct plan_holders *holders,
		  const struct cpu_request *request, struct cpu_plan *ret, struct err **err);

/* True when the plan uses several nodes: appends "reserving LLCs [0 (node 0), 2 (node 1)] across 2 NUMA nodes ...". */
bool cpu_plan_crosses_nodes(const struct host *h, const struct cpu_plan *p, struct buf *out);

/* --- budgets (--cpu-cap, KTSTR_CPU_CAP) --------------------------------------------------------------------------- */

struct cpu_budget_words {
	const char *flag;   /* value of --cpu-cap, or NULL */
	const char *cap;    /* KTSTR_CPU_CAP, or NULL */
	const char *bypass; /* KTSTR_BYPASS_LLC_LOCKS, or NULL */
};

struct cpu_budget {
	unsigned cpus; /* at least 1, at most the allowed ones */
	bool said;     /* by flag or variable: fewer CPUs are then an error */
	bool bypass;   /* take no locks at all */
};

/* 30 % of @allowed CPUs, rounded up, but at least @vcpus where so many are allowed. */
unsigned cpu_budget_share(unsigned allowed, unsigned vcpus);
/* @flag, and the values of the environment variables. */
struct cpu_budget_words cpu_budget_environment(const char *flag);
/* cpu_budget_share(), unless @words give a number. @vcpus: 0 for a build. */
int cpu_budget_resolve(const struct cpu_budget_words *words, unsigned allowed, unsigned vcpus, struct cpu_budget *ret,
		       struct err **err);

#endif
