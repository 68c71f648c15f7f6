/* SPDX-License-Identifier: GPL-2.0-only */
/* shrink.h -- the parts of `ktstr shrink`. */
#ifndef KTSTR_CLI_SHRINK_H
#define KTSTR_CLI_SHRINK_H

#include "base/json.h"
#include "base/time.h"
#include "cli/test_args.h"
#include "report/failure_name.h"
#include "report/signatures.h"
#include "run/perturb.h"
#include "run/replay_source.h"
#include "shrink/edits.h"

#define SHRINK_JOBS_MAX 64

/* The settings of all runs. It does not own its strings. */
struct shrink_base {
	const char *program;		/* ktstr */
	char **environment;		/* "NAME=VALUE" of the replay line */
	char **options;			/* of `ktstr test`, without a filter, a perturbation and paths */
	const char *filter;		/* of the test as it is declared; NULL: scenario files */
	const char *const *paths;	/* likewise */
	const char *dir;		/* for files of candidates and for results */
	nsec_t until;			/* no run starts later */
	struct observe_perturb perturb; /* how runs are perturbed, without points; see perturb_on() */
};

/* One candidate: at most @tries runs, until one shows the failure. */
struct shrink_run {
	const json_t *scenario; /* file that it runs; NULL: the test as it is declared */
	const json_t
		*points; /* perturbation with given points; NULL: a seed for each try, if there is a perturbation */
	uint32_t one_in; /* instead of the base's; 0: that one */
	unsigned tries;
	const char *wanted;	    /* the failure, from failure_name(); NULL: any failure */
	const char *write_scenario; /* file for --write-scenario; or NULL */
	/* Results. */
	bool accepted, cut; /* cut: time ran out before it could be decided */
	unsigned tried;
	json_t *result; /* sidecar of the run that showed the failure, or of the last one; NULL: there was none */
	json_t *taken;	/* the points that this run took; NULL: none */
	char said[256]; /* the last line that `ktstr test` printed, for errors */
};
void shrink_run_done(struct shrink_run *r);

/* Runs @count candidates at the same time, each in a process of its own. -ECANCELED: a signal. */
int shrink_runs(const struct shrink_base *b, struct shrink_run *run, unsigned count, struct err **err);

/* --- shrink_journal.c: what is known of candidates, so that a search that was interrupted goes on ----------------- */

struct shrink_journal {
	char *path;
	json_t *known; /* {key: {"accepted", ...}} */
};

/* @identity: what the search is of. Creates nothing yet. */
int shrink_journal_open(struct shrink_journal *j, const char *dir, const json_t *identity, struct err **err);
void shrink_journal_done(struct shrink_journal *j);
/* False: the candidate is not known. On true fills the results of @r. */
bool shrink_journal_find(const struct shrink_journal *j, struct shrink_run *r);
int shrink_journal_add(struct shrink_journal *j, const struct shrink_run *r, struct err **err);

/* --- the search: cmd_shrink.c ------------------------------------------------------------------------------------- */

struct shrink_args {
	struct strings operands;
	nsec_t budget;
	uint64_t jobs, tries;
	const char *output;
	bool json;
};

struct shrink {
	const struct shrink_args *args;
	struct replay_source source;
	struct test_args *test;
	struct shrink_base base;
	struct shrink_journal journal;
	char *cache, *dir, *converted, *program;
	json_t *scenario; /* the smallest file so far; NULL: the test as it is declared */
	json_t *points;	  /* the smallest perturbation so far; NULL: none */
	char wanted[FAILURE_NAME_MAX];
	struct scenario_size before, after;
	size_t points_before, points_after;
	unsigned runs, candidates, accepted, accepted_tries;
	bool over; /* the budget */
};

/* --- shrink_result.c: files and text ------------------------------------------------------------------------------ */

size_t shrink_count_points(const json_t *file);
/* Before the search: can the results be written? */
int shrink_check_output(const struct shrink *s, struct err **err);
/* NAME.json, NAME.c and NAME.perturb.json. */
int shrink_write_results(const struct shrink *s, struct err **err);
void shrink_print_result(const struct shrink *s, nsec_t wall);

#endif
