/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * replay.h -- the command line that repeats one result. It contains everything that decides the verdict: test, kernel,
 * backend, seed, limits, and the environment variables that affect the run. Run in the same directory, it gives the
 * same verdict; on tcg also the same event stream, byte for byte.
 */
#ifndef KTSTR_RUN_REPLAY_H
#define KTSTR_RUN_REPLAY_H

#include "run/plan.h"
#include "verdict/flake.h"

struct replay_facts {
	const char *const *environment;	      /* from replay_environment(), or NULL */
	const char *test;		      /* full name without the kernel's label, as ktstr/two_cgroups */
	const char *binary;		      /* test binary */
	const struct question_decl *question; /* of `ktstr try`, with `scheduler`; NULL: another test */
	const struct cell_decl *cell;	      /* of the verifier sweep, with the next two; NULL: a test */
	const struct sched_decl *scheduler;
	const char *preset;
	const char *constants; /* directory of --rodata; NULL: no cell that only verifies programs */
	const char *kernel; /* an argument of --kernel; with @image: a value of KTSTR_TEST_KERNEL. NULL: the default */
	bool image;
	const char *accel;
	const char *tcg_time; /* NULL: the default */
	unsigned lag_ns;      /* of parallel time; 0: the default */
	const struct observe_perturb *perturb;
	const char *perturb_file; /* where its points are, if it has points */
	bool gauntlet, clone, strict, skips_fail, no_monitor;
	bool start_chosen; /* --start auto: the line names also a boot */
	enum plan_perf perf;
	unsigned time_dilation; /* 0 and 1: none */
	unsigned cpu_cap;	/* 0: none */
	uint64_t seed;
};

void replay_line(const struct replay_facts *f, struct buf *out);

/*
 * The seed of a try whose own verdict is @wanted: of try @number (1: the first) if possible, else of the last such try.
 * Without such a try, the seed of try @number.
 */
uint64_t replay_seed(const struct flake_history *tries, unsigned number, uint64_t seed, enum ktstr_verdict wanted);

/*
 * The environment variables that are set, not empty, and affect a test, sorted by name. Leaves out variables that have
 * an equivalent option. The caller frees the list with strings_free(). NULL: out of memory.
 */
char **replay_environment(char *const *variables);

/* "declared", "all" or "none": which tests run in performance mode. */
const char *plan_perf_name(enum plan_perf perf);

#endif
