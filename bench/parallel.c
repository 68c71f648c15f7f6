/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * parallel.c -- every CPU of a guest is busy, or one CPU has as many workers, for one and for three seconds. For
 * parallel.py.
 */
#include <ktstr/ktstr.h>

#define OPEN                           \
	{                              \
		.not_stuck = KTSTR_OFF \
	}

#define BUSY_FOR(n, llcs_, cores_, threads_, affinity_, seconds)                                                    \
	KTSTR_TEST(busy_##n##_for_##seconds, .llcs = llcs_, .cores = cores_, .threads = threads_,                   \
		   .duration_s = seconds, .checks = OPEN)                                                           \
	{                                                                                                           \
		return ktstr_run_cgroups(                                                                           \
			t, KTSTR_CGROUPS({ .name = "busy", .workers = n, .affinity = KTSTR_AFFINITY(affinity_) })); \
	}                                                                                                           \
	KTSTR_TEST(packed_##n##_for_##seconds, .cores = 1, .duration_s = seconds, .checks = OPEN)                   \
	{                                                                                                           \
		return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "busy", .workers = n }));                       \
	}

#define BUSY(n, llcs_, cores_, threads_, affinity_)        \
	BUSY_FOR(n, llcs_, cores_, threads_, affinity_, 1) \
	BUSY_FOR(n, llcs_, cores_, threads_, affinity_, 3)

BUSY(1, 1, 1, 1, INHERIT)
BUSY(2, 1, 1, 2, SMT_PAIR)
BUSY(3, 1, 3, 1, INHERIT)
BUSY(4, 1, 2, 2, SMT_PAIR)
BUSY(8, 2, 2, 2, SMT_PAIR)
BUSY(16, 2, 4, 2, SMT_PAIR)
BUSY(32, 4, 4, 2, SMT_PAIR)
BUSY(64, 8, 4, 2, SMT_PAIR)
BUSY(128, 8, 8, 2, SMT_PAIR)
BUSY(240, 15, 8, 2, SMT_PAIR)
