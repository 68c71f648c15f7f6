/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * perf_delta.h -- the parts of `ktstr perf-delta`: which commits are compared, their runs, and what makes the command
 * fail.
 */
#ifndef KTSTR_PERFDELTA_PERF_DELTA_H
#define KTSTR_PERFDELTA_PERF_DELTA_H

#include "base/err.h"
#include "base/strings.h"
#include "kernel/project.h"
#include "stats/compare_text.h"
#include "stats/results.h"
#include "worktree/worktree.h"

#define PERF_RUNS_MAX  1000
#define PERF_PATHS_MAX 12

struct perf_args {
	worktree_say_fn *say;
	const char *github_base; /* GITHUB_BASE_REF, or NULL */
	size_t must_fail_named;	 /* of must_fail: by the user; the others are those of --insns */
	struct strings paths, must_fail, slurm_args;
	const char *base, *base_ref, *default_branch, *kernel, *filter, *build, *a_scheduler, *b_scheduler;
	const char *slurm; /* a partition of a cluster, or "" for the default one; NULL: the runs are made here */
	const char *threshold, *policy, *alpha, *noise_spread, *accel, *profile, *cpu_cap, *dir;
	uint64_t noise, fail_threshold, seed, jobs;
	unsigned format, test;
	bool all_tests, all_metrics, json, insns, relevant;
};

/* --- baseline.c: the commits ------------------------------------------------------------------------------------- */

/*
 * Finds both commits, and what is changed since HEAD. They are the same commit only if files are changed. @runs: the
 * directory of results, which is no part of the project.
 */
int perf_baseline_find(const struct perf_args *a, const struct project *p, const char *runs,
		       struct worktree_spec side[SIDE_MAX], struct err **err);
/* Finds HEAD alone, for both sides: they differ in their schedulers. */
int perf_head_find(const struct perf_args *a, const struct project *p, const char *runs,
		   struct worktree_spec side[SIDE_MAX], struct err **err);

/* --- runs.c: runs ------------------------------------------------------------------------------------------------ */

/*
 * Makes all runs of both sides in turn, those excepted that an interrupted command has made already. On a cluster all
 * are submitted first, and then collected in turn.
 */
int perf_runs_make(const struct perf_args *a, const struct project *p, const struct worktree_spec side[SIDE_MAX],
		   const char *root, struct err **err);
/* The name of the directory of a run, below the root. */
int perf_run_name(const struct worktree_spec *side, unsigned run, char *out, size_t size);

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
