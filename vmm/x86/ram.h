/* SPDX-License-Identifier: GPL-2.0-only */
/* ram.h -- a guest's RAM as the code that builds boot data sees it: regions of guest-physical memory mapped here. */
#ifndef KTSTR_VMM_X86_RAM_H
#define KTSTR_VMM_X86_RAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define X86_REGIONS_MAX 65 /* a NUMA node each, and the one that the MMIO gap cuts in two */

struct x86_region {
	uint64_t address, size; /* guest-physical; multiples of 4 KiB */
	uint8_t *host;		/* where it is mapped, not owned; NULL in a plan */
	unsigned node;		/* NUMA node */
	bool backed;		/* the memory is a file, and `fd` is it: large writes go there, see x86_ram_write() */
	int fd;
	uint64_t offset; /* of the region in the file */
};

/* Ascending by address, none overlapping, none in the MMIO gap. */
struct x86_ram {
	struct x86_region region[X86_REGIONS_MAX];
	unsigned count;
};

/*
 * Addresses, sizes and nodes for @total_mib MiB on @nodes nodes, sizes as guestmem_init() has them: contiguous but for
 * the MMIO gap, behind which the rest goes on at 4 GiB. `host` stays NULL.
 */
int x86_ram_plan(unsigned nodes, uint64_t total_mib, struct x86_ram *ret, struct err **err);
/* The same with the size of each node. */
int x86_ram_plan_nodes(unsigned nodes, const uint64_t *mib, struct x86_ram *ret, struct err **err);

/* @len bytes at @address as one piece of our memory, or NULL where they are not all in one region. */
uint8_t *x86_ram_at(const struct x86_ram *ram, uint64_t address, uint64_t len);
/* As much of it as lies in one region: *@ret_len bytes, at least 1 where @len is. NULL: there is no RAM at @address. */
uint8_t *x86_ram_span(const struct x86_ram *ram, uint64_t address, uint64_t len, uint64_t *ret_len);
/* Whether [@address, @address + @len) is RAM without holes, over as many regions as it takes. */
bool x86_ram_covers(const struct x86_ram *ram, uint64_t address, uint64_t len);
/*
 * Copies over region borders; -EFAULT, and nothing written, where the range is not all RAM. Large pieces go to the
 * region's file, where it has one: through the mapping each page would be a fault, and zeroed only to be overwritten.
 */
int x86_ram_write(const struct x86_ram *ram, uint64_t address, const void *data, uint64_t len);
/* The end of the RAM that is contiguous from 0 on, at most X86_MMIO_GAP. */
uint64_t x86_ram_low_end(const struct x86_ram *ram);

#endif
