/* SPDX-License-Identifier: GPL-2.0-only */
/* validate_load.h -- checks whether a load is possible in a cgroup of the given CPUs. */
#ifndef KTSTR_GUEST_VALIDATE_LOAD_H
#define KTSTR_GUEST_VALIDATE_LOAD_H

#include <ktstr/load.h>

#include "base/err.h"
#include "guest/topology.h"

int load_check(const struct guest_topology *topology, const char *cgroup, const struct ktstr_load *load,
	       const struct cpuset_bits *cpus, unsigned count, struct err **err);
int affinity_check(const struct guest_topology *t, const char *cgroup, const struct ktstr_affinity *a,
		   const struct cpuset_bits *pool, struct err **err);

#endif
