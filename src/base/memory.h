/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory.h -- how much memory this process may still use: what the machine has left, or less where a control group has
 * a limit. Both versions of control groups; every group from ours up to the root may have one.
 */
#ifndef KTSTR_BASE_MEMORY_H
#define KTSTR_BASE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_GROUP_BYTES 256

struct memory_room {
	uint64_t available_mib;		/* 0 where it cannot be read */
	uint64_t limit_mib;		/* of the control group that leaves least; 0: none does */
	char group[MEMORY_GROUP_BYTES]; /* its directory; "": the machine's own memory is what bounds us */
};

/* @root: prefix of all paths, "" for this machine. Page cache that the kernel can give up counts as available. */
void memory_look(const char *root, struct memory_room *ret);
/* memory_look() of this machine. */
uint64_t memory_available_mib(void);

/*
 * How many processes the kernel has killed so far for want of memory: in our control group (version 2: and below it),
 * or on the whole machine where no group counts them.
 */
uint64_t memory_kills(const char *root);

#endif
