/* SPDX-License-Identifier: GPL-2.0-only */
/* cpus.h -- CPUs of the host for something that runs for a while: asked for, waited for, held until given back. */
#ifndef KTSTR_CLI_CPUS_H
#define KTSTR_CLI_CPUS_H

#include "lock/host_resources.h"
#include "lock/sandbox.h"

struct cpu_hold {
	struct cpu_plan plan; /* plan.cpus is the affinity mask */
	struct lock_set locks;
	struct sandboxes groups;
	struct sandbox sandbox; /* sandbox.procs is what to enter by */
};

#define CPU_HOLD_NULL ((struct cpu_hold){ .locks = LOCK_SET_NULL, .sandbox = SANDBOX_NULL })

/*
 * Waits for @cpus CPUs beside whatever else ktstr does on this host; says on standard error for whom when that takes
 * longer than a second. @said: by --cpu-cap or its variable, so that a control group that allows fewer is an error, and
 * that there is none is worth a note. -ECANCELED: interrupted. KTSTR_BYPASS_LLC_LOCKS: takes no locks.
 */
int cpu_hold_take(struct reactor *r, unsigned cpus, bool said, struct cpu_hold *ret, struct err **err);
void cpu_hold_release(struct cpu_hold *h);

#endif
