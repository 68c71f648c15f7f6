/* SPDX-License-Identifier: GPL-2.0-only */
/* tool.h -- programs that ktstr runs: where they are, and which Debian package brings one that is missing. */
#ifndef KTSTR_BASE_TOOL_H
#define KTSTR_BASE_TOOL_H

#include "base/err.h"

/* Full path of @name by PATH, for the caller to free; NULL when there is none. */
char *tool_find(const char *name);

/* The newest clang that is installed ("clang-22", "clang"), for the caller to free; NULL: none. */
char *tool_clang(void);

struct tool {
	const char *name;
	const char *package; /* Debian's */
};

/* -ENOENT naming the first of @tools (ended by a NULL name) that is missing, with the package as hint. */
int tools_require(const struct tool *tools, const char *purpose, struct err **err);

#endif
