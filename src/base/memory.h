/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * memory.h -- how much memory this process can still use: the machine's available memory, or less if a control group
 * has a limit. Reads both versions of control groups, and every group from this process's up to the root.
 */
#ifndef KTSTR_BASE_MEMORY_H
#define KTSTR_BASE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_GROUP_BYTES 256

struct memory_room {
	uint64_t available_mib;		/* 0 if it cannot be read */
	uint64_t limit_mib;		/* limit of the control group that leaves least memory; 0: no group limits it */
	char group[MEMORY_GROUP_BYTES]; /* directory of that group, or "" */
};

/* @root: prefix of all paths, "" for this machine. Page cache that the kernel can reclaim counts as available. */
void memory_look(const char *root, struct memory_room *ret);
/* The same for this machine; only available_mib. */
uint64_t memory_available_mib(void);

/*
 * How many processes the OOM killer has killed so far: in this process's control group (version 2: and below it), or on
 * the whole machine if no group counts them.
 */
uint64_t memory_kills(const char *root);

#endif
