/* SPDX-License-Identifier: GPL-2.0-only */
/* tool_env.h -- the environment of the programs that build kernels: nothing that a user set for other builds. */
#ifndef KTSTR_KERNEL_TOOL_ENV_H
#define KTSTR_KERNEL_TOOL_ENV_H

#include "base/buf.h"

enum tool_env {
	TOOL_ENV_OURS,	   /* all of it */
	TOOL_ENV_BUILD,	   /* make, objcopy: a short list of harmless names */
	TOOL_ENV_DOWNLOAD, /* apt: the same, and proxies */
	TOOL_ENV_GIT,	   /* git: all but what names another repository, as in a git hook */
};

/*
 * "NAME=value" strings of our own environment that may pass, with @add (NULL-terminated, or NULL) behind them, in an
 * array that the caller frees; the strings are borrowed. NULL: out of memory.
 */
const char **tool_environment(enum tool_env kind, const char *const *add);
/* Appends the names, separated by ", ", that would steer a build by hand and have no effect here. */
void tool_environment_ignored(struct buf *out);

#endif
