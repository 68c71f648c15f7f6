/* SPDX-License-Identifier: GPL-2.0-only */
/* worker_set.h -- the workers of a step or of the backdrop: adding, starting, moving and stopping them. */
#ifndef KTSTR_GUEST_WORKER_SET_H
#define KTSTR_GUEST_WORKER_SET_H

#include "base/err.h"
#include "guest/work/worker.h"

#define WORKER_STOP_DEADLINE (5 * NSEC_PER_SEC)
#define WORKER_TURN	     (5 * NSEC_PER_MSEC)

/* The share of CPU time that the test asked for, combined along a cgroup's path. */
struct cpu_terms {
	unsigned weight;	  /* 100 is the default; 0: not set */
	unsigned quota_permyriad; /* in 1/10000 of one CPU; 0: not set */
};

/* A load in a cgroup, one record in the report. */
struct worker_record {
	struct ktstr_load load;
	char cgroup[WIRE_NAME_MAX];
	unsigned workers;
	uint32_t step;
	bool limited;		    /* it had a cpuset for some of its life */
	struct cpuset_bits allowed; /* all CPUs that were ever allowed */
	uint64_t nodes;		    /* nodes on which its memory should be; 0: any */
	struct cpu_terms terms;	    /* the lowest of all cgroups where its workers were */
};

/* The workers that are reported together: those of a step, or of the backdrop. */
struct worker_set {
	struct worker_process *member;
	struct worker_slot *slot;
	struct work_group *group;
	struct worker_shared *shared;
	struct worker_record **record;
	const struct guest_topology *topology;
	const struct ticks *clock;
	size_t count, cap, records;
	uint32_t batch;
	nsec_t stopping;    /* when it was last stopped */
	nsec_t sample_due;  /* delay.c: time of the next readings */
	size_t sample_next; /* the member that is read first; modulo their number */
	struct rng rng;
};

/* A cgroup for workers: its name, "" for the root, and its current CPUs and nodes. */
struct worker_place {
	const char *cgroup;
	bool limited;
	struct cpuset_bits cpus;
	uint64_t nodes;
	uint32_t step;
	struct cpu_terms terms;
};

int worker_set_init(struct worker_set *c, uint64_t seed, const struct guest_topology *topology, struct err **err);
/* Ends the workers that still run. */
void worker_set_done(struct worker_set *c);
/* Adds @count workers of one load without starting them. */
int worker_set_add(struct worker_set *c, const struct ktstr_load *load, unsigned count,
		   const struct worker_place *place, struct err **err);
/*
 * Forks the workers added since the last call in random order, places them and starts them at random offsets. Order and
 * offsets depend on the seed.
 */
int worker_set_start(struct worker_set *c, struct err **err);
/* Records that the cgroup's CPUs have changed: workers may now use @cpus. */
void worker_set_allow(struct worker_set *c, const char *cgroup, const struct cpuset_bits *cpus, bool limited);
int worker_set_set_affinity(struct worker_set *c, const char *cgroup, const struct ktstr_affinity *affinity,
			    const struct cpuset_bits *pool, struct err **err);
/* Moves the workers of a cgroup to another one. */
int worker_set_move(struct worker_set *c, const char *from, const struct worker_place *to, struct err **err);
/* The gap in which each worker is now does not count. */
void worker_set_exempt_gap(struct worker_set *c, const char *cgroup);
/*
 * Stops the workers of @cgroup, or (NULL) all, and waits for them together: 5 s, plus 5 ms per running worker divided
 * by the number of CPUs. Workers that have not ended by then are killed.
 */
void worker_set_stop(struct worker_set *c, const char *cgroup);
uint64_t worker_set_iterations(const struct worker_set *c);
unsigned worker_set_running(const struct worker_set *c);

#endif
