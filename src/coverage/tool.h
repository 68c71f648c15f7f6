/* SPDX-License-Identifier: GPL-2.0-only */
/* tool.h -- runs programs that turn counters into files and lines. Blocks. */
#ifndef KTSTR_COVERAGE_TOOL_H
#define KTSTR_COVERAGE_TOOL_H

#include "base/buf.h"
#include "base/err.h"

struct coverage_tool {
	const char *const *argv; /* argv[0] is looked up in PATH */
	const char *const *env;	 /* "NAME=value"s on top of our environment; or NULL */
	struct buf *out;	 /* gets its standard output; NULL: it goes to ours */
};

/* *@ret_status: as waitpid(2). An error: it could not be started. */
int coverage_tool_run(const struct coverage_tool *t, int *ret_status, struct err **err);
/* The same, and a status that is not 0 is an error. */
int coverage_tool_check(const struct coverage_tool *t, struct err **err);

#endif
