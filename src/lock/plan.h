/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan.h -- which host CPUs a machine or a build gets: a pure function of (host, allowed CPUs, what others hold,
 * request).
 *
 *   performance  each virtual LLC has a host LLC of its own, held exclusively; vCPUs 1:1; one service CPU
 *   default      vCPUs 1:1 on CPUs held exclusively, their LLCs shared; virtual LLCs stay whole where that is possible
 *   budget       exactly N CPUs for many threads; their LLCs shared, the CPUs not reserved
 *
 * All three choose the same way: the fewest nodes, the nearest ones, the fewest LLCs in them, then those that others
 * share already (so that free LLCs stay free), then the lowest number.
 */
#ifndef KTSTR_LOCK_PLAN_H
#define KTSTR_LOCK_PLAN_H

#include <ktstr/topology.h>

#include "lock/host.h"

enum plan_tier { PLAN_PERFORMANCE, PLAN_DEFAULT, PLAN_BUDGET, PLAN_TIER_MAX };

struct cpu_request {
	enum plan_tier tier;
	struct ktstr_topology topology; /* of the machine; budget: zero for a build */
	unsigned cpus;			/* budget: at least 1 */
	unsigned rotate;		/* budget: any number; equals that differ in it take different CPUs of an LLC */
	bool service;			/* default: also a CPU for the device and monitor threads, if there is one */
};

/* What other lock holders have; zero: nobody holds anything. Arrays go by LLC index. */
struct plan_holders {
	uint16_t llc_shared[HOST_CPUS_MAX]; /* holders of the shared lock */
	struct cpuset_bits llc_exclusive;   /* LLC indexes */
	struct cpuset_bits cpus;	    /* CPUs whose lock is held */
	struct cpuset_bits busy;	    /* CPUs that this process uses: the last that its budgets get */
};

struct cpu_plan {
	enum plan_tier tier;
	struct cpuset_bits cpus; /* everything to run on: the affinity mask */
	struct cpuset_bits mems; /* kernel ids of the nodes to allocate from */
	struct cpuset_bits llcs; /* indexes of LLCs to lock */
	bool llcs_exclusive;
	struct cpuset_bits shared_llcs; /* of @llcs, those locked shared all the same (service CPU of performance) */
	struct cpuset_bits cpu_locks;	/* CPUs to lock, exclusively */
	uint16_t vcpu[HOST_CPUS_MAX];	/* performance, default: host CPU of each vCPU; HOST_NONE when overcommitted */
	unsigned vcpus;
	uint16_t service;   /* HOST_NONE: none */
	uint16_t nodes;	    /* that @cpus lie in */
	bool aligned;	    /* no virtual LLC is split across host LLCs */
	bool overcommitted; /* default: fewer allowed CPUs than vCPUs; nothing is reserved */
};

/*
 * 0; -EBUSY: others hold too much now, an idle host could do it; -ERANGE: this host never can (a topology too large for
 * performance, a budget over the allowed CPUs). @holders may be NULL. @ret is written on success only.
 */
int cpu_plan_make(const struct host *h, const struct cpuset_bits *allowed, const struct plan_holders *holders,
		  const struct cpu_request *request, struct cpu_plan *ret, struct err **err);

/* "reserving LLCs [0 (node 0), 2 (node 1)] across 2 NUMA nodes ..." when the plan crosses nodes; false: it does not. */
bool cpu_plan_crosses_nodes(const struct host *h, const struct cpu_plan *p, struct buf *out);

/* --- budgets (--cpu-cap, KTSTR_CPU_CAP) --------------------------------------------------------------------------- */

struct budget_words {
	const char *flag;   /* --cpu-cap's value, or NULL */
	const char *cap;    /* KTSTR_CPU_CAP, or NULL */
	const char *bypass; /* KTSTR_BYPASS_LLC_LOCKS, or NULL */
};

struct budget {
	unsigned cpus; /* at least 1, at most the allowed ones */
	bool said;     /* by flag or variable: what cannot be had is then an error, never less */
	bool bypass;   /* take no locks at all */
};

/* 30 % of @allowed CPUs (a part is one more), and for a machine at least its vCPUs, where there are as many. */
unsigned budget_share(unsigned allowed, unsigned vcpus);
/* What the environment says, beside @flag. */
struct budget_words budget_environment(const char *flag);
/* budget_share(), 0 vCPUs for a build, unless a word says otherwise. */
int budget_resolve(const struct budget_words *words, unsigned allowed, unsigned vcpus, struct budget *ret,
		   struct err **err);

#endif
