/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * wide.c -- guests with many CPUs reach a verdict. A worker is placed on each CPU: an engine that needs long to place
 * them does not come to the end. Judged by soak.py.
 */
#include <ktstr/ktstr.h>

#define WIDE(n, llcs_)                                                                                            \
	KTSTR_TEST(wide_##n, .llcs = llcs_, .cores = 8, .threads = 2, .duration_s = 1)                            \
	{                                                                                                         \
		return ktstr_run_cgroups(                                                                         \
			t, KTSTR_CGROUPS({ .name = "all", .workers = n, .affinity = KTSTR_AFFINITY(SMT_PAIR) })); \
	}

WIDE(64, 4)
WIDE(128, 8)
WIDE(240, 15)
