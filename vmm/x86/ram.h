/* SPDX-License-Identifier: GPL-2.0-only */
/* ram.h -- a guest's RAM for the code that writes boot data: regions of guest-physical memory that are mapped here. */
#ifndef KTSTR_VMM_X86_RAM_H
#define KTSTR_VMM_X86_RAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define X86_REGIONS_MAX 65 /* one per NUMA node, and one more where the MMIO gap splits a node */

struct x86_region {
	uint64_t address, size; /* guest-physical; multiples of 4 KiB */
	uint8_t *host;		/* our mapping, not owned; NULL in a plan */
	unsigned node;		/* NUMA node */
	bool backed;		/* `fd` is the file that backs the memory; large writes go to it, see x86_ram_write() */
	int fd;
	uint64_t offset; /* of the region in the file */
};

/* Regions ascend by address; none overlap, and none are in the MMIO gap. */
struct x86_ram {
	struct x86_region region[X86_REGIONS_MAX];
	unsigned count;
};

/*
 * Computes the regions for @total_mib MiB on @nodes nodes, with the sizes of guestmem_init(): contiguous, except for
 * the MMIO gap, after which the rest starts at 4 GiB. `host` stays NULL.
 */
int x86_ram_plan(unsigned nodes, uint64_t total_mib, struct x86_ram *ret, struct err **err);
/* The same with the size of each node. */
int x86_ram_plan_nodes(unsigned nodes, const uint64_t *mib, struct x86_ram *ret, struct err **err);

/* Returns our mapping of @len bytes at @address, or NULL where they are not all in one region. */
uint8_t *x86_ram_at(const struct x86_ram *ram, uint64_t address, uint64_t len);
/* The same for the part that is in one region: *@ret_len bytes, at least 1 if @len is. NULL: no RAM at @address. */
uint8_t *x86_ram_span(const struct x86_ram *ram, uint64_t address, uint64_t len, uint64_t *ret_len);
/* Whether [@address, @address + @len) is RAM without holes, over as many regions as it takes. */
bool x86_ram_covers(const struct x86_ram *ram, uint64_t address, uint64_t len);
/*
 * Copies across region borders. -EFAULT, and nothing is written: the range is not all RAM. Large pieces are written to
 * the region's file, where there is one: through the mapping each page would be zeroed in a fault before it is
 * overwritten.
 */
int x86_ram_write(const struct x86_ram *ram, uint64_t address, const void *data, uint64_t len);
/* Returns the end of the RAM that is contiguous from 0, at most X86_MMIO_GAP. */
uint64_t x86_ram_low_end(const struct x86_ram *ram);

#endif
