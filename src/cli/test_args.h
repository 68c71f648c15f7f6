/* SPDX-License-Identifier: GPL-2.0-only */
/* test_args.h -- the arguments of `ktstr test`. */
#ifndef KTSTR_CLI_TEST_ARGS_H
#define KTSTR_CLI_TEST_ARGS_H

#include "cli/options.h"

#define TRIES_MAX	10000
#define JOBS_MAX	4096
#define SCHEDULES_MAX	100000
#define SCHEDULES_USUAL 100
#define VARY_USUAL	50 /* of a hundred schedules */

enum test_ignored { IGNORED_LEFT_OUT, IGNORED_ONLY, IGNORED_TOO };
enum test_show_output { SHOW_FAILED, SHOW_ALL, SHOW_NEVER };
enum test_start { START_BOOT, START_CLONE, START_AUTO };
enum test_duplicates { DUPLICATES_NONE, DUPLICATES_FIRST };

struct coverage_run;
struct packed_run;
struct run_records;
struct test_source;

/* What a command does after the tests. The lines of the run go to standard error then. */
struct test_end {
	int (*finish)(const void *args, const struct run_records *records, struct err **err);
	const void *args;
};

/* The part of a run that one task of a Slurm job has. */
struct test_part {
	const char **names; /* of its tests, sorted */
	size_t count;
	bool labels;	    /* the whole run has several kernels */
	const char *commit; /* of the whole run */
};

struct test_args {
	const struct test_source *source; /* where the tests are from; NULL: those that are declared */
	const struct test_end *end;	  /* NULL: nothing more */
	struct strings kernel, paths, report;
	uint64_t given;
	struct packed_run *capture;    /* gets all that decides the run, whose results nobody keeps; NULL: not wanted */
	struct coverage_run *coverage; /* gets what the tests' programs execute; NULL: not counted */
	const struct test_part *part;  /* NULL: all tests */
	const char *slurm;	       /* a partition of the cluster, or "" for the default one; NULL: run here */
	const struct command *command; /* whose options these are, for --slurm; NULL: those of `ktstr test` */
	const void *command_args;      /* its own struct */
	const char *slurm_dir;
	struct strings slurm_args;
	uint64_t slurm_jobs; /* 0: not given */
	bool detach;
	bool is_replay; /* of 'ktstr replay': it goes on with the last run, and is not one itself */
	const char *filter, *accel, *trace, *partition, *cpu_cap, *profile, *nextest_profile, *perturb, *write_scenario;
	const char *base, *base_ref, *default_branch;
	const char *schedule_trace; /* directory */
	bool list, dry_run, gauntlet, json, no_capture, verbose, release, keep_logs, keep_memory, flaky_fails,
		no_skip_mode, no_monitor, profile_insns;
	bool include_eol, skip_sha256, no_verify_signature, no_ccache, eager, perf_mode, no_perf_mode, relevant;
	uint64_t jobs, retries, repeat, require, time_dilation, seed; /* jobs, repeat, require: 0 if not given */
	uint64_t keep_runs, max_fail;
	bool fail_fast, no_fail_fast;
	nsec_t slow_timeout;  /* 0: none */
	unsigned show_output; /* enum test_show_output */
	unsigned arch;	      /* see chosen_arch() */
	unsigned start;	      /* enum test_start */
	unsigned tcg_time;    /* enum tcg_time */
	uint64_t schedules;   /* explore: of each test; 0: not exploring */
	nsec_t explore_for;   /* explore: no schedule starts later; 0: any time */
	uint64_t until_signatures, vary;
	const char *known; /* explore: file with signatures */
	nsec_t tcg_lag;
	unsigned duplicates;  /* enum test_duplicates */
	unsigned run_ignored; /* enum test_ignored */
};

extern const struct option_row test_options[], explore_options[];
extern const struct option_conflict test_conflicts[], explore_conflicts[];
extern const struct passed_word test_passed_words[];

#endif
