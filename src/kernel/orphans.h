/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * orphans.h -- kills processes that a killed build left running. make dies with us, but the compilers that it started
 * do not. They would go on writing into a directory that another build uses by then.
 *
 * A build's work directory has a file with a random token. Everything that the build starts has the token in its
 * environment. The token tells these processes from others in the same directory: a process cannot have it by accident,
 * and children of make inherit it, whatever their parent is now.
 */
#ifndef KTSTR_KERNEL_ORPHANS_H
#define KTSTR_KERNEL_ORPHANS_H

#include "base/err.h"

#define ORPHANS_VARIABLE_MAX 56 /* "KTSTR_BUILD_TOKEN=" and 32 digits */

/* Writes a new token into the work directory @dir. */
int orphans_mark(const char *dir, struct err **err);
/* Reads the variable "NAME=TOKEN" for the processes of the build in @dir. -ENOENT: @dir has no token. */
int orphans_variable(const char *dir, char ret[ORPHANS_VARIABLE_MAX], struct err **err);
/*
 * Kills every process of our user that has the token of @dir, and waits at most 10 s until they are gone. Kills nothing
 * if @dir is a symbolic link, belongs to another user or has no token. Blocks. -EBUSY: some still run.
 */
int orphans_kill(const char *dir, struct err **err);

#endif
