/* SPDX-License-Identifier: GPL-2.0-only */
/* perf_relevant.h -- which tests of ktstr perf-delta --relevant run. */
#ifndef KTSTR_CLI_PERF_RELEVANT_H
#define KTSTR_CLI_PERF_RELEVANT_H

#include "perfdelta/perf_delta.h"

/*
 * The filter for the tests that the changes since @base, committed or not, concern, and that -E admits; the caller
 * frees *@ret. NULL: -E as it is. *@ret_none: there are none. Blocks: it builds schedulers.
 */
int perf_relevant(const struct perf_args *a, const struct worktree_spec *base, char **ret, bool *ret_none,
		  struct err **err);

#endif
