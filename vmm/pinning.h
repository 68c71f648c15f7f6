/* SPDX-License-Identifier: GPL-2.0-only */
/* pinning.h -- the host CPUs and nodes planned for a machine's threads and memory (src/lock/plan.h). */
#ifndef KTSTR_VMM_PINNING_H
#define KTSTR_VMM_PINNING_H

#include <stdint.h>

#include "vmm/guestmem.h"

#define GUEST_CPUS_MAX 512
#define PIN_ANY	       UINT16_MAX

/* Plain data: it is copied to the machine's process. */
struct vm_pinning {
	uint16_t vcpu[GUEST_CPUS_MAX];	/* host CPU of each vCPU; PIN_ANY: not pinned */
	uint16_t service;		/* host CPU of the process's other threads, or PIN_ANY */
	uint16_t node[GUEST_NODES_MAX]; /* host NUMA node, by the kernel's number, of each guest node; or PIN_ANY */
};

/* Pins nothing. */
static inline void vm_pinning_init(struct vm_pinning *p)
{
	for (unsigned i = 0; i < GUEST_CPUS_MAX; i++)
		p->vcpu[i] = PIN_ANY;
	for (unsigned i = 0; i < GUEST_NODES_MAX; i++)
		p->node[i] = PIN_ANY;
	p->service = PIN_ANY;
}

#endif
