/* SPDX-License-Identifier: GPL-2.0-only */
/* topologies.c -- tests that do nothing on the presets' topologies: only the guest's sysfs is checked. */
#include <ktstr/ktstr.h>

#define SHAPE(name, n, l, c, t)                                                \
	KTSTR_TEST(name, .numa_nodes = n, .llcs = l, .cores = c, .threads = t) \
	{                                                                      \
		return KTSTR_PASS;                                             \
	}

KTSTR_TEST(perf_mode, .cores = 1, .performance_mode = KTSTR_ON)
{
	return KTSTR_PASS;
}

SHAPE(tiny_1llc, 1, 1, 4, 1)
SHAPE(tiny_2llc, 1, 2, 2, 1)
SHAPE(odd_3llc, 1, 3, 3, 1)
SHAPE(odd_5llc, 1, 5, 3, 1)
SHAPE(odd_7llc, 1, 7, 2, 1)
SHAPE(smt_2llc, 1, 2, 2, 2)
SHAPE(smt_3llc, 1, 3, 2, 2)
SHAPE(medium_4llc, 1, 4, 4, 2)
SHAPE(medium_8llc, 1, 8, 4, 2)
SHAPE(medium_4llc_nosmt, 1, 4, 8, 1)
SHAPE(medium_8llc_nosmt, 1, 8, 8, 1)
SHAPE(numa2_4llc, 2, 4, 4, 1)
SHAPE(numa4_8llc, 4, 8, 4, 1)
