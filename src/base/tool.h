/* SPDX-License-Identifier: GPL-2.0-only */
/* tool.h -- finds programs that ktstr runs, and names the Debian package of a missing one. */
#ifndef KTSTR_BASE_TOOL_H
#define KTSTR_BASE_TOOL_H

#include "base/err.h"

/* Full path of @name, looked up in PATH; NULL: not found. The caller frees it. */
char *tool_find(const char *name);

/* Name of the newest installed clang ("clang-22", "clang"); NULL: none. The caller frees it. */
char *tool_clang(void);

struct tool {
	const char *name;
	const char *package; /* in Debian */
};

/* -ENOENT: one of @tools (ended by a NULL name) is missing. The error names the first one, the hint its package. */
int tools_require(const struct tool *tools, const char *purpose, struct err **err);

#endif
