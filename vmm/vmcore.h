/* SPDX-License-Identifier: GPL-2.0-only */
/* vmcore.h -- writes a guest's memory to a file for debugging: an ELF core, as crash(8) and drgn read it. */
#ifndef KTSTR_VMM_VMCORE_H
#define KTSTR_VMM_VMCORE_H

#include <stdatomic.h>

#include "vmm/guestmem.h"

/*
 * One PT_LOAD per NUMA node, with its guest-physical address. Pages of zeros are holes. Written to a new file in the
 * directory @dir, then renamed to @name. Ends with -ECANCELED once *@cancel is set (NULL: never). Blocks, for the
 * offload pool.
 */
int vmcore_write(const struct guestmem *m, int dir, const char *name, const atomic_bool *cancel, struct err **err);

#endif
