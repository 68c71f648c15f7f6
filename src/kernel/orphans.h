/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * orphans.h -- what a killed build leaves running. make dies with us, the compilers that it started do not: they would
 * go on writing into a directory that somebody else builds in by then.
 */
#ifndef KTSTR_KERNEL_ORPHANS_H
#define KTSTR_KERNEL_ORPHANS_H

#include "base/err.h"

/* Kills every process whose working directory is @dir or below it, and waits until they are gone, 10 s at most. Blocks.
 * -EBUSY: some are still there. */
int orphans_kill(const char *dir, struct err **err);

#endif
