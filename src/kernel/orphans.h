/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * orphans.h -- what a killed build leaves running. make dies with us, the compilers that it started do not: they would
 * go on writing into a directory that somebody else builds in by then.
 *
 * A build's work directory has a file with a random token, and everything that the build starts has the token in its
 * environment. That is how its processes are known from others that happen to work in the same place: a process cannot
 * get the token by accident, and what make starts inherits it, whoever its parent is by now.
 */
#ifndef KTSTR_KERNEL_ORPHANS_H
#define KTSTR_KERNEL_ORPHANS_H

#include "base/err.h"

#define ORPHANS_VARIABLE_MAX 56 /* "KTSTR_BUILD_TOKEN=" and 32 digits */

/* Writes a new token into the work directory @dir. */
int orphans_mark(const char *dir, struct err **err);
/* The variable, "NAME=TOKEN", that the build in @dir gives to what it starts; -ENOENT: @dir has no token. */
int orphans_variable(const char *dir, char ret[ORPHANS_VARIABLE_MAX], struct err **err);
/*
 * Kills every process of ours that has the token of @dir, and waits until they are gone, 10 s at most. A directory that
 * is a link, belongs to somebody else or has no token: nothing is killed. Blocks. -EBUSY: some are still there.
 */
int orphans_kill(const char *dir, struct err **err);

#endif
