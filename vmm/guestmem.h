/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guestmem.h -- a guest's RAM from outside: one shared memfd a NUMA node, made here, mapped here for reading, and by
 * the VM for running. What is read from it is hostile: every access is bounds-checked and copied once.
 */
#ifndef KTSTR_VMM_GUESTMEM_H
#define KTSTR_VMM_GUESTMEM_H

#include <stdint.h>

#include <ktstr/topology.h>

#include "base/err.h"

#define GUEST_NODES_MAX	  8
#define GUEST_LOG_ADDRESS 0x08000000u /* 128 MiB: above the kernel, below every initramfs */
#define GUEST_LOG_BYTES	  (16u << 20)
/* What a clone is given lies in its log's memory (ktstr/wire.h). */
#define VM_ORDER_BYTES_MAX (GUEST_LOG_BYTES - 65536u)

struct guestmem {
	struct {
		int fd;
		uint64_t address, size; /* guest-physical; nodes follow each other */
		const uint8_t *map;
	} node[GUEST_NODES_MAX];
	unsigned nodes;
};

/* Only the sizes, as the topology says: nothing is mapped, fds are -1. */
void guestmem_plan_for(struct guestmem *m, const struct ktstr_topology *t, uint64_t total_mib);
/* With memory; @huge: of huge pages of 2 MiB, node by node, where the host has them free. */
int guestmem_init_for(struct guestmem *m, const struct ktstr_topology *t, uint64_t total_mib, bool huge,
		      struct err **err);
/* The same of nodes that are alike: @total_mib / @nodes each, the rest to the last. */
void guestmem_plan(struct guestmem *m, unsigned nodes, uint64_t total_mib);
int guestmem_init(struct guestmem *m, unsigned nodes, uint64_t total_mib, struct err **err);
void guestmem_done(struct guestmem *m);
/* @len bytes at guest-physical @address as one piece of our address space; NULL when they are not all in one node. */
const uint8_t *guestmem_at(const struct guestmem *m, uint64_t address, uint64_t len);
/* Into the machine's memory, before it runs or while it stands still. -EFAULT where it is not all in one node. */
int guestmem_write(const struct guestmem *m, uint64_t address, const void *data, size_t len);

#endif
