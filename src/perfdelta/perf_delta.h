/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * perf_delta.h -- the parts of `ktstr perf-delta`: which commits are compared, check-outs of them, builds and runs, and
 * what makes the command fail.
 */
#ifndef KTSTR_PERFDELTA_PERF_DELTA_H
#define KTSTR_PERFDELTA_PERF_DELTA_H

#include "base/err.h"
#include "base/strings.h"
#include "kernel/project.h"
#include "stats/compare_text.h"
#include "stats/results.h"

#define PERF_RUNS_MAX	1000
#define PERF_PATHS_MAX	12
#define PERF_LABEL_SIZE 16 /* "abc1234-dirty" and a NUL */

/* Tells the user what happens, in lines; like printf(). */
typedef void perf_say_fn(const char *fmt, ...) PRINTF_LIKE(1, 2);

struct perf_args {
	perf_say_fn *say;
	const char *github_base; /* GITHUB_BASE_REF, or NULL */
	struct strings paths, must_fail, slurm_args;
	const char *base, *base_ref, *default_branch, *kernel, *filter, *build, *a_scheduler, *b_scheduler;
	const char *slurm; /* a partition of a cluster, or "" for the default one; NULL: the runs are made here */
	const char *threshold, *policy, *alpha, *noise_spread, *accel, *profile, *cpu_cap, *dir;
	uint64_t noise, fail_threshold, seed, jobs;
	unsigned format, test;
	bool all_tests, all_metrics, json, insns, relevant;
};

/* --- baseline.c: the commits ------------------------------------------------------------------------------------- */

/* One side. Without a check-out, it is the working tree itself. */
struct perf_side {
	const char *word;   /* "base", "head": in names of directories */
	const char *phrase; /* "the baseline": in messages */
	char commit[GIT_HASH_SIZE];
	char tree[GIT_HASH_SIZE];    /* only for runs */
	char label[PERF_LABEL_SIZE]; /* as in sidecars: 7 digits, and "-dirty" */
};

/*
 * Finds both commits, and what is changed since HEAD. They are the same commit only if files are changed. @runs: the
 * directory of results, which is no part of the project.
 */
int perf_baseline_find(const struct perf_args *a, const struct project *p, const char *runs,
		       struct perf_side side[SIDE_MAX], struct err **err);
/* Finds HEAD alone, for both sides: they differ in their schedulers. */
int perf_head_find(const struct perf_args *a, const struct project *p, const char *runs,
		   struct perf_side side[SIDE_MAX], struct err **err);

/* --- perf_checkout.c: the check-outs ---------------------------------------------------------------------------- */

struct perf_checkout {
	char *path;	 /* of the worktree */
	char *directory; /* in it: the one that corresponds to the working directory */
	char *name;	 /* of the worktree in the repository */
	int lock_fd;
};

#define PERF_CHECKOUT_NULL ((struct perf_checkout){ .lock_fd = -1 })

/* Removes what earlier runs left behind, and checks the side out. ERR_BUSY: another run uses the same commit. */
int perf_checkout_make(const struct perf_args *a, const struct project *p, const struct perf_side *side,
		       struct perf_checkout *ret, struct err **err);
void perf_checkout_done(const struct project *p, struct perf_checkout *c);
/* Builds in a check-out: @a->build, or what fits to the project's files. */
int perf_checkout_build(const struct perf_args *a, const struct perf_checkout *c, const struct perf_side *side,
			struct err **err);

/* --- child.c: programs ------------------------------------------------------------------------------------------- */

struct perf_command {
	const char *what; /* for errors: "make" */
	const char *const *argv;
	const char *const *env; /* added to ours, or NULL */
	const char *cwd;	/* NULL: ours */
	const char *log;	/* file for its output */
};

/*
 * Runs a program to its end. *@ret_status: its exit status; 128 + N after signal N. SIGINT and SIGTERM end it:
 * -ECANCELED.
 */
int perf_child_run(const struct perf_command *c, int *ret_status, struct err **err);

/* --- runs.c: runs ------------------------------------------------------------------------------------------------ */

/*
 * Makes all runs of both sides in turn, those excepted that an interrupted command has made already. On a cluster all
 * are submitted first, and then collected in turn.
 */
int perf_runs_make(const struct perf_args *a, const struct project *p, const struct perf_side side[SIDE_MAX],
		   const char *root, struct err **err);
/* The name of the directory of a run, below the root. */
int perf_run_name(const struct perf_side *side, unsigned run, char *out, size_t size);

/* --- gates.c: the verdict ---------------------------------------------------------------------------------------- */

/* Can each metric of --must-fail fail? @noise: several runs are compared. */
int perf_gates_check(const struct strings *must_fail, bool noise, struct err **err);

struct perf_verdict {
	bool failed;
	size_t regressions;
	struct buf lines; /* what was found, a line each */
	json_t *gates;	  /* the same as data: those of --must-fail and those that tests declare */
};
/* @results: those of the view's pool. @noise: gates that tests declare count. */
int perf_gates_judge(const struct compare_view *v, const struct perf_args *a, const struct results *results, bool noise,
		     struct perf_verdict *ret);
void perf_verdict_done(struct perf_verdict *v);

#endif
