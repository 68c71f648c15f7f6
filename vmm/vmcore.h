/* SPDX-License-Identifier: GPL-2.0-only */
/* vmcore.h -- writes a guest's memory to a file for debugging: an ELF core, as crash(8) and drgn read it. */
#ifndef KTSTR_VMM_VMCORE_H
#define KTSTR_VMM_VMCORE_H

#include <stdatomic.h>

#include "base/arch.h"
#include "vmm/guestmem.h"

/* Guest memory does not say this about its machine. */
struct vmcore_machine {
	enum arch arch;
	uint64_t low_memory; /* bytes of RAM below 4 GiB, of which the rest follows from there; 0: no gap */
};

/*
 * One PT_LOAD per NUMA node, and one more where the gap splits a node, with guest-physical addresses. Pages of zeros
 * are holes. Written to a new file in the directory @dir, then renamed to @name. Ends with -ECANCELED once *@cancel is
 * set (NULL: never). Blocks, for the offload pool.
 */
int vmcore_write(const struct guestmem *m, const struct vmcore_machine *machine, int dir, const char *name,
		 const atomic_bool *cancel, struct err **err);

#endif
