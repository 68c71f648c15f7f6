/* SPDX-License-Identifier: GPL-2.0-only */
/* cpus.h -- CPUs of the host for something that runs for a while: asked for, waited for, held until given back. */
#ifndef KTSTR_CLI_CPUS_H
#define KTSTR_CLI_CPUS_H

#include "lock/desk.h"

struct cpu_hold {
	struct cpu_plan plan;	/* plan.cpus is the affinity mask */
	struct lock_set locks;
};

#define CPU_HOLD_NULL ((struct cpu_hold){ .locks = LOCK_SET_NULL })

/*
 * Waits for @cpus CPUs beside whatever else ktstr does on this host; says on standard error for whom when that takes
 * longer than a second. -ECANCELED: interrupted. KTSTR_BYPASS_LLC_LOCKS: takes no locks.
 */
int cpu_hold_take(struct reactor *r, unsigned cpus, struct cpu_hold *ret, struct err **err);
void cpu_hold_release(struct cpu_hold *h);

#endif
