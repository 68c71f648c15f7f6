/* SPDX-License-Identifier: GPL-2.0-only */
/* parallel.c -- what CPUs do side by side, and what they say to each other. Judged by tests/vm/parallel.py. */
#include <ktstr/ktstr.h>

#define OPEN                           \
	{                              \
		.not_stuck = KTSTR_OFF \
	}

/*
 * As many spinners as CPUs, and the same number on one CPU; spinners_1_on_1 is what both are compared with. Each of the
 * many has a CPU of its own from the start: how long the scheduler takes to spread them is not what is measured.
 */
#define SPINNERS(n, llcs_, cores_, threads_, affinity_)                                                             \
	KTSTR_TEST(spinners_##n##_on_##n, .llcs = llcs_, .cores = cores_, .threads = threads_, .duration_s = 2,     \
		   .checks = OPEN)                                                                                  \
	{                                                                                                           \
		return ktstr_run_cgroups(                                                                           \
			t, KTSTR_CGROUPS({ .name = "spin", .workers = n, .affinity = KTSTR_AFFINITY(affinity_) })); \
	}                                                                                                           \
	KTSTR_TEST(spinners_##n##_on_1, .cores = 1, .duration_s = 2, .checks = OPEN)                                \
	{                                                                                                           \
		return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "spin", .workers = n }));                       \
	}

KTSTR_TEST(spinners_1_on_1, .cores = 1, .duration_s = 2, .checks = OPEN)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "spin", .workers = 1 }));
}

/* bench/parallel.c has other numbers of CPUs. */
SPINNERS(3, 1, 3, 1, INHERIT)
SPINNERS(8, 2, 2, 2, SMT_PAIR)

/* Four little cores and four big ones, each with a spinner. */
KTSTR_TEST(spinners_on_kinds, .cores = 8, .kinds = { { 4, 446 }, { 4, 1024 } }, .duration_s = 2, .checks = OPEN)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "little", .workers = 4, .cpuset = KTSTR_CPUS("0-3") },
						  { .name = "big", .workers = 4, .cpuset = KTSTR_CPUS("4-7") }));
}

/* Two workers that wake each other, by four mechanisms. */
#define PING_PONG(id, type)                                                                                          \
	KTSTR_TEST(id, .cores = 2, .duration_s = 1, .checks = OPEN)                                                  \
	{                                                                                                            \
		return ktstr_run_cgroups(t,                                                                          \
					 KTSTR_CGROUPS({ .name = "pair", .workers = 2, .work = KTSTR_WORK(type) })); \
	}

PING_PONG(talk_futex, FUTEX_PING_PONG)
PING_PONG(talk_pipe, PIPE_IO)
PING_PONG(talk_signal, SIGNAL_STORM)
KTSTR_TEST(talk_epoll, .cores = 3, .duration_s = 1, .checks = OPEN)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "set", .workers = 3, .work = KTSTR_WORK(EPOLL_STORM) }));
}

/* What tests/vm/stops.py stops, debugs and kills: all four CPUs are busy, and some talk. */
KTSTR_TEST(stopped_4, .cores = 4, .duration_s = 2, .checks = OPEN)
{
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "spin", .workers = 3 },
						  { .name = "pair", .workers = 2, .work = KTSTR_WORK(PIPE_IO) }));
}
