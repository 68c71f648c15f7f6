/* SPDX-License-Identifier: GPL-2.0-only */
/* place.h -- policy, priority, CPUs and memory nodes of a worker. */
#ifndef KTSTR_GUEST_PLACE_H
#define KTSTR_GUEST_PLACE_H

#include <sys/types.h>

#include <ktstr/load.h>

#include "base/rng.h"
#include "guest/topology.h"

/* The engine applies these to a worker. */
int place_policy(pid_t pid, const struct ktstr_load *load);
int place_affinity(pid_t pid, const struct cpuset_bits *cpus);
/* The affinity of worker number @index of its load; false: it has none. */
bool affinity_resolve(const struct guest_topology *t, const struct ktstr_affinity *a, const struct cpuset_bits *pool,
		      unsigned index, struct rng *rng, struct cpuset_bits *ret);
/* A worker applies this to itself. */
int place_memory(const struct ktstr_load *load);

#endif
