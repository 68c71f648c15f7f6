/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * granted.h -- the host deadline of a virtual machine: only time in which the host let it run counts.
 *
 * On a busy host the machine's threads wait for a CPU, and somebody may stop its process. Such time is not the guest's.
 * Time in which the process neither ran nor waited counts: the guest was idle. Time in which we
 * held the guest to look at it does not count.
 */
#ifndef KTSTR_RUN_GRANTED_H
#define KTSTR_RUN_GRANTED_H

#include "base/time.h"
#include "vmm/vm.h"

#define GRANTED_ELAPSED_MAX 10 /* the machine is given up after this many times the limit, however little it ran */

struct granted {
	nsec_t limit;	       /* how long the machine may take while the host lets it run */
	nsec_t elapsed;	       /* without time in which our own process was stopped, or held the guest */
	nsec_t granted;	       /* the part of `elapsed` in which the host let it run */
	nsec_t cpu;	       /* CPU time of the machine in `elapsed` */
	struct vm_usage usage; /* at the last sample */
	nsec_t at, away;       /* the same: reactor_now(), reactor->away */
};

void granted_begin(struct granted *g, nsec_t limit, nsec_t now, nsec_t away, struct vm_usage usage);
void granted_sample(struct granted *g, nsec_t now, nsec_t away, struct vm_usage usage);
/* Time until the next sample is due; 0: the machine is late. */
nsec_t granted_left(const struct granted *g);

#endif
