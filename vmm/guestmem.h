/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guestmem.h -- a guest's RAM seen from outside: one shared memfd per NUMA node. It is made here and mapped read-only;
 * the VM maps it to run. The guest may write anything to it at any time, so every access is bounds-checked and copied
 * once.
 */
#ifndef KTSTR_VMM_GUESTMEM_H
#define KTSTR_VMM_GUESTMEM_H

#include <stdint.h>

#include <ktstr/topology.h>

#include "base/err.h"

#define GUEST_NODES_MAX	  8
#define GUEST_REGIONS_MAX (GUEST_NODES_MAX + 1) /* of a file: the gap below 4 GiB may split a node */
#define GUEST_LOG_ADDRESS 0x08000000u		/* of x86-64. 128 MiB: above the kernel, below every initramfs */
#define GUEST_LOG_BYTES	  (16u << 20)
/* A clone's payload is placed in its event log's memory (ktstr/wire.h). */
#define CLONE_PAYLOAD_BYTES_MAX (GUEST_LOG_BYTES - 65536u)

struct guestmem {
	struct {
		int fd;
		/* Guest-physical. Each node follows the one before, without the gap below 4 GiB. */
		uint64_t address, size;
		const uint8_t *map;
	} node[GUEST_REGIONS_MAX];
	unsigned nodes;
	uint64_t log; /* guest-physical address of the event log */
};

/* Only the sizes, as the topology says: nothing is mapped, fds are -1. */
void guestmem_plan_for(struct guestmem *m, const struct ktstr_topology *t, uint64_t total_mib);
/* Moves RAM and log to where machines of another architecture than x86-64 have them. */
void guestmem_place(struct guestmem *m, uint64_t ram, uint64_t log);
/* With memory; @huge: of huge pages of 2 MiB, node by node, where the host has them free. */
int guestmem_init_for(struct guestmem *m, const struct ktstr_topology *t, uint64_t total_mib, bool huge,
		      struct err **err);
/* The same of nodes that are alike: @total_mib / @nodes each, the rest to the last. */
void guestmem_plan(struct guestmem *m, unsigned nodes, uint64_t total_mib);
int guestmem_init(struct guestmem *m, unsigned nodes, uint64_t total_mib, struct err **err);
void guestmem_done(struct guestmem *m);
/* Returns our mapping of @len bytes at guest-physical @address; NULL when they are not all in one node. */
const uint8_t *guestmem_at(const struct guestmem *m, uint64_t address, uint64_t len);
/* Writes to the machine's memory, before it runs or while it is paused. -EFAULT: not all in one node. */
int guestmem_write(const struct guestmem *m, uint64_t address, const void *data, size_t len);

#endif
