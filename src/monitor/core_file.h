/* SPDX-License-Identifier: GPL-2.0-only */
/* core_file.h -- opens a core of a guest's memory (ktstr test --keep-memory) to be read like the memory itself. */
#ifndef KTSTR_MONITOR_CORE_FILE_H
#define KTSTR_MONITOR_CORE_FILE_H

#include "vmm/guestmem.h"

/*
 * Maps the PT_LOAD segments of an ELF core, at most GUEST_REGIONS_MAX, read-only; guestmem_done() frees. The file is
 * checked first, and must not be cut while it is open. -EBADMSG: it is not such a core. Blocks.
 */
int core_open(const char *path, struct guestmem *ret, struct err **err);

#endif
