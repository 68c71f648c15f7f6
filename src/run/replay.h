/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * replay.h -- the command line that repeats one result. It names everything that decides the verdict: test, kernel,
 * backend, seed, limits and the variables of the environment that change what is run. Run in the same directory, it
 * gives the same verdict; on tcg the same event stream, byte for byte.
 */
#ifndef KTSTR_RUN_REPLAY_H
#define KTSTR_RUN_REPLAY_H

#include "run/plan.h"
#include "verdict/flake.h"

struct replay_facts {
	const char *const *environment; /* NAME=VALUE, NULL-terminated: replay_environment()'s; or NULL */
	const char *test;		/* full name without the kernel's label: ktstr/two_cgroups */
	const char *binary;		/* test binary */
	const char *kernel;		/* as --kernel takes it; @image: as KTSTR_TEST_KERNEL does */
	bool image;
	const char *accel;
	bool gauntlet, clone, strict, skips_fail;
	enum plan_perf perf;
	unsigned time_dilation; /* 0 and 1: none */
	unsigned cpu_cap;	/* 0: none */
	uint64_t seed;
};

void replay_line(const struct replay_facts *f, struct buf *out);

/*
 * The seed of a try that by itself came to the verdict @wanted: of try @number (1: the first) if it did, else of the
 * last one that did, else of try @number.
 */
uint64_t replay_seed(const struct flake_history *tries, unsigned number, uint64_t seed, enum ktstr_verdict wanted);

/*
 * The variables that change what a test runs with, as far as they are set (empty is unset), sorted by name. Those that
 * have an option of the same meaning are not among them. NULL: out of memory. Frees with strings_free().
 */
char **replay_environment(char *const *environ);

/* "declared", "all" or "none": which tests run in performance mode. */
const char *plan_perf_name(enum plan_perf perf);

#endif
