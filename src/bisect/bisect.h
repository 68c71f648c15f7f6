/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bisect.h -- the parts of `ktstr bisect`: the points of a history, the runs of a test at them, their journal, and the
 * answer. What runs next is decided in src/posterior.
 */
#ifndef KTSTR_BISECT_BISECT_H
#define KTSTR_BISECT_BISECT_H

#include <jansson.h>

#include "base/strings.h"
#include "base/time.h"
#include "posterior/strategy.h"
#include "report/failure_name.h"
#include "worktree/worktree.h"

#define BISECT_JOBS_MAX	  64
#define BISECT_REASON_MAX 240
#define BISECT_KEEP	  8 /* check-outs that stay built at the same time */

enum bisect_kind {
	BISECT_COMMITS,	  /* of the project in the working directory */
	BISECT_KERNELS,	  /* a list of kernels */
	BISECT_TREE,	  /* commits of a kernel's tree */
	BISECT_ARGUMENTS, /* of the scheduler of a scenario file: point i has the first i of them */
};

/* What the user asked for. It does not own its strings. */
struct bisect_settings {
	worktree_say_fn *say;
	enum bisect_kind kind;
	const char *good, *bad; /* commits */
	const char *tree;	/* BISECT_TREE: the directory */
	const char *build;	/* BISECT_COMMITS: shell command; NULL: what fits to the project */
	struct strings kernels; /* BISECT_KERNELS, the good end first */
	const json_t *scenario; /* BISECT_ARGUMENTS: the file */
	bool first_parent;
	double error;
	unsigned jobs, runs_max, calibrate_max;
	nsec_t budget;
	/* The test. */
	const char *program;		/* ktstr */
	const char *const *environment; /* "NAME=VALUE", set before each run; NULL-terminated */
	const char *const *options;	/* of `ktstr test`, without filter, seed, perturbation, kernel and paths */
	const char *kernel;		/* that of all runs; NULL: the points name it, or the default */
	const char *filter;		/* NULL: a scenario file */
	const char *const *paths;	/* NULL-terminated */
	uint64_t seed;			/* of run 0 */
	const char *perturb;		/* all of --perturb but the seed, which is perturb_seed in run 0; NULL: none */
	uint64_t perturb_seed;
	const char *wanted; /* the failure; NULL: the first one at the bad end */
};

/* --- points.c: the history ---------------------------------------------------------------------------------------- */

struct bisect_point {
	char *key;   /* in the journal: a hash, a kernel as it was written, a number of arguments */
	char *label; /* for people */
};

struct bisect_points {
	struct lineage history;
	struct bisect_point *point;
	struct project *project; /* BISECT_COMMITS, BISECT_TREE */
	char *tree;		 /* BISECT_TREE: its absolute path */
};

int bisect_points_find(const struct bisect_settings *s, struct bisect_points *ret, struct err **err);
void bisect_points_done(struct bisect_points *p);
/* "6.12.3..6.12.7": each patch level. False: not a range within one series, or more than @max kernels. */
bool bisect_expand_range(const char *text, size_t max, char ***ret, size_t *ret_count);

/* --- journal.c: what is known, so that an interrupted bisection goes on ------------------------------------------- */

struct bisect_journal {
	char *path;
	json_t *root;
};

/* The begin of the error where the cache cannot be written to; the reason follows. */
#define BISECT_NEEDS_CACHE                                        \
	"a bisection keeps check-outs and results in the cache; " \
	"set XDG_CACHE_HOME to a directory that can be written to"

/* @points: those of the history, which are a part of the identity. */
int bisect_journal_open(struct bisect_journal *j, const struct bisect_settings *s, const struct bisect_points *points,
			struct err **err);
void bisect_journal_done(struct bisect_journal *j);
/* The record of a point; NULL: nothing is known. */
const json_t *bisect_journal_find(const struct bisect_journal *j, const char *key);
int bisect_journal_save(struct bisect_journal *j, struct err **err);

/* --- runs.c: a point is prepared, and the test runs at it --------------------------------------------------------- */

/* The runs at one point, counted by how they ended. */
struct bisect_tally {
	unsigned failed, passed;
	unsigned failing_run;	      /* number of the first run that failed */
	unsigned unusable;	      /* other failures, skips, inconclusive runs */
	char last[BISECT_REASON_MAX]; /* what the last unusable run said */
	bool refused;		      /* the test could not even start: no run at this point can */
};

struct bisect_place {
	size_t point; /* 0 is a point, too: see is_used */
	bool is_used;
	uint64_t used; /* when, for the choice of the one that is given up */
	struct worktree tree;
};

/* What is ready to run. */
struct bisect_bench {
	const struct bisect_settings *settings;
	const struct bisect_points *points;
	char *dir; /* for results and files */
	struct bisect_place place[BISECT_KEEP];
	uint64_t clock;
	bool *is_ready; /* per point */
	unsigned builds;
};

int bisect_bench_open(struct bisect_bench *b, const struct bisect_settings *s, const struct bisect_points *p,
		      struct err **err);
void bisect_bench_done(struct bisect_bench *b);
/* 0; 1: it cannot be built, with the reason; or a negative errno. */
int bisect_prepare(struct bisect_bench *b, size_t point, char reason[BISECT_REASON_MAX], struct err **err);
/*
 * Makes runs number @first to @first + @count - 1 at a prepared point, at the same time. @wanted: the failure that
 * counts; if it is empty, the first failure is the one, and is stored there. Adds to @t.
 */
int bisect_make_runs(struct bisect_bench *b, size_t point, unsigned first, unsigned count,
		     char wanted[FAILURE_NAME_MAX], struct bisect_tally *t, struct err **err);
/* The command that makes run number @run at a point. */
void bisect_command_line(const struct bisect_bench *b, size_t point, unsigned run, struct buf *out);

/* --- session.c ---------------------------------------------------------------------------------------------------- */

struct bisect_session {
	const struct bisect_settings *settings;
	struct bisect_points points;
	struct bisect_journal journal;
	struct bisect_bench bench;
	struct posterior posterior;
	struct posterior_cost cost;
	struct bisect_tally *tally; /* per point */
	char wanted[FAILURE_NAME_MAX];
	enum strategy_answer answer;
	unsigned runs;	/* made now */
	unsigned known; /* taken over from the journal */
	nsec_t until, wall;
	bool over; /* the budget */
	struct {
		size_t point;
		unsigned runs, failed, phase;
	} said; /* in the last line about a point */
};

/* Bisects to an answer, which is in @ret. Call bisect_session_done() in any case. */
int bisect_session_run(const struct bisect_settings *s, struct bisect_session *ret, struct err **err);
void bisect_session_done(struct bisect_session *s);

/* --- result.c ----------------------------------------------------------------------------------------------------- */

void bisect_result_text(const struct bisect_session *s, struct buf *out);
json_t *bisect_result_json(const struct bisect_session *s);
/* 0: nothing bad was found; 1: the culprit; 2: that cannot be told. */
int bisect_result_status(const struct bisect_session *s);

#endif
