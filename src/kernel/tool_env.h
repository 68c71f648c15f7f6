/* SPDX-License-Identifier: GPL-2.0-only */
/* tool_env.h -- the environment of programs that build kernels, without variables that users set for other builds. */
#ifndef KTSTR_KERNEL_TOOL_ENV_H
#define KTSTR_KERNEL_TOOL_ENV_H

#include "base/buf.h"

enum tool_env {
	TOOL_ENV_OURS,	   /* our whole environment */
	TOOL_ENV_BUILD,	   /* make, objcopy: a short list of harmless variables */
	TOOL_ENV_DOWNLOAD, /* apt: the same, and proxy variables */
	TOOL_ENV_SLURM,	   /* Slurm's commands: all but those that stand for options, such as a filter of squeue */
	TOOL_ENV_GIT,	   /* git: all variables except those that select another repository, as set in a git hook */
};

/*
 * Returns the strings "NAME=value" of our environment that @kind allows, followed by @add (NULL-terminated, or NULL).
 * The caller frees the array; the strings are borrowed. NULL: out of memory.
 */
const char **tool_environment(enum tool_env kind, const char *const *add);
/* Appends the names, separated by ", ", of set variables that would affect a manual build but have no effect here. */
void tool_environment_ignored(struct buf *out);

#endif
