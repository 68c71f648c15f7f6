/* SPDX-License-Identifier: GPL-2.0-only */
/* cpus.h -- waits for CPUs of the host, and holds them until they are released. */
#ifndef KTSTR_CLI_CPUS_H
#define KTSTR_CLI_CPUS_H

#include "lock/host_resources.h"
#include "lock/sandbox.h"

struct cpu_hold {
	struct cpu_plan plan; /* plan.cpus is the affinity mask */
	struct lock_set locks;
	struct sandboxes groups;
	struct sandbox sandbox; /* processes enter the control group through sandbox.procs */
};

#define CPU_HOLD_NULL ((struct cpu_hold){ .locks = LOCK_SET_NULL, .sandbox = SANDBOX_NULL })

/*
 * Waits for @cpus CPUs that no other ktstr process on this host uses. After one second it prints on standard error
 * which processes hold them. @said: --cpu-cap or its variable set the number. Then a control group that allows fewer
 * CPUs is an error, and a missing control group is reported. -ECANCELED: interrupted. With KTSTR_BYPASS_LLC_LOCKS no
 * locks are taken.
 */
int cpu_hold_take(struct reactor *r, unsigned cpus, bool said, struct cpu_hold *ret, struct err **err);
void cpu_hold_release(struct cpu_hold *h);

#endif
