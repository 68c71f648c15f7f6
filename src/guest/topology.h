/* SPDX-License-Identifier: GPL-2.0-only */
/* topology.h -- the guest's topology, and cpusets resolved with it. */
#ifndef KTSTR_GUEST_TOPOLOGY_H
#define KTSTR_GUEST_TOPOLOGY_H

#include <ktstr/scenario.h>
#include <ktstr/topology.h>
#include <ktstr/wire.h>

#include "base/parse.h"

#define GUEST_CPUS_MAX CPUSET_CPUS_MAX

/* The machine as the guest's sysfs shows it. */
struct guest_topology {
	unsigned cpus;
	struct wire_cpu cpu[GUEST_CPUS_MAX];
	struct cpuset_bits all, usable; /* usable: all but the last CPU if there are more than two */
	unsigned nodes;			/* including nodes without CPUs */
};

int guest_topology_read(const char *sysfs, struct guest_topology *ret);
/* The topology that the sysfs of such a guest will show. */
void guest_topology_declared(const struct ktstr_topology *t, struct guest_topology *ret);
/* Two threads of one core, by the numbers of their CPUs. */
struct smt_pair {
	unsigned cpu[2];
};
/*
 * Fills @pair, which has room for GUEST_CPUS_MAX, with the first two threads of each core that has two or more in
 * @pool, in the order of the first. Returns how many there are. Each worker calls this when it is placed, so it must
 * not compare all CPUs of a large machine with each other.
 */
unsigned topology_smt_pairs(const struct guest_topology *t, const struct cpuset_bits *pool, struct smt_pair *pair);
unsigned topology_llcs(const struct guest_topology *t);
/* Bit mask of the nodes of @cpus. */
uint64_t topology_nodes_of(const struct guest_topology *t, const struct cpuset_bits *cpus);
/* Resolves a spec; on failure writes a sentence to @why. */
int cpuset_resolve(const struct guest_topology *t, const struct ktstr_cpuset *spec, struct cpuset_bits *ret, char *why,
		   size_t why_size);

#endif
