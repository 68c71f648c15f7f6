/* SPDX-License-Identifier: GPL-2.0-only */
/* test_session.h -- the state of one `ktstr test`, and what --list, --dry-run and a run do alike. */
#ifndef KTSTR_CLI_TEST_SESSION_H
#define KTSTR_CLI_TEST_SESSION_H

#include "cli/kernel_list.h"
#include "cli/kernels.h"
#include "cli/programs.h"
#include "cli/reports.h"
#include "cli/test_args.h"
#include "run/budget.h"
#include "run/campaign.h"
#include "run/fleet.h"
#include "run/perturb.h"
#include "run/perturb_file.h"
#include "run/planner.h"

#define DEADLINE_PERCENT_MAX 100000

/* All state of a run. Freed in one place. */
struct session {
	struct reactor *reactor;
	enum arch arch; /* of the guests */
	struct cache cache;
	struct suite *suite;
	size_t suites;
	char **binaries; /* paths of the suites that were loaded, NULL-terminated, also if a source replaced them */
	struct kernel kernel[KERNELS_MAX];
	struct rundir rundir[KERNELS_MAX];
	char commit[COMMIT_TEXT_MAX];
	char *source[KERNELS_MAX]; /* --slurm: what a job builds the kernel from; NULL: it is there */
	size_t kernels, first;	   /* first: index of the first kernel whose tests run now */
	struct kernel_list list;   /* of KTSTR_KERNEL_LIST; empty with --kernel */
	bool labels;		   /* there are several kernels, so test names contain the kernel's label */
	const struct test_args *args;
	struct run_counts counts;
	struct closing closing;
	struct run_records records;
	json_t *record; /* last_run.h; NULL: not made yet */
	struct report_orders reports;
	struct output stream; /* --report ndjson=FILE; fd -1: not asked for */
	struct filter *filter;
	char *relevant;	  /* the filter of --relevant; NULL: all tests */
	bool no_relevant; /* --relevant: there is nothing to run */
	struct plan plan;
	struct accel_choice accel;
	struct observe_perturb perturb;
	struct observe_point *perturb_points; /* of a file; NULL: there is none */
	struct campaign campaign;	      /* explore: its base is `plan` */
	struct known_signatures known;
	char *corpus_cache; /* NULL: the corpus is not kept */
	bool corpus_lost;   /* it could not be written */
	nsec_t until;	    /* reactor time; 0: it is not limited */
	char **environment; /* variables that replay lines must contain */
	char *image_cache, *probe_cache, *model_dir;
	uint64_t seed;
	uint32_t deadline_percent; /* KTSTR_HOST_DEADLINE_PERCENT */
	struct flake_policy flake;
	struct partition partition;
	unsigned allowed; /* number of CPUs that this process may use */
	struct cpu_budget budget;
	enum plan_perf perf;
	struct program built_in, from_file; /* of a test_source, and of scenario files */
	char *snapshot_cache;		    /* NULL: every test boots */
};

/* test_settings.c: checks the arguments and the variables beside them. */
int session_parse_args(struct session *s, const struct test_args *a, struct err **err);
int session_open_stream(struct session *s, struct err **err);
/* Failed tests after which no other test starts; 0: any number. */
unsigned session_failures_most(const struct test_args *a);
/* test_relevant.c: --relevant; needs the suites, after their schedulers were built. */
int session_find_relevant(struct session *s, const struct test_args *a, struct err **err);
/* Do tests of the suites run under schedulers that are programs? */
bool session_needs_schedulers(const struct session *s);
/* Parses the filter, and plans the tests of the kernels from `first` on. */
int session_plan(struct session *s, const struct test_args *a, struct err **err);
/* Estimates durations, selects tests for the budget, and orders them. */
int session_schedule(struct session *s, struct err **err);
/* --arch, or the architecture of the test binaries where it is the same for all. Needs the suites. */
void session_find_arch(struct session *s, const struct test_args *a);
int session_choose_accel(struct session *s, const struct test_args *a, struct err **err);
/* What --kernel or KTSTR_KERNEL_LIST names; neither: an empty list. */
const struct strings *session_kernels(const struct session *s, const struct test_args *a);
/* --no-perf-mode, or its variable. */
bool session_has_no_perf(const struct test_args *a);
/* The expected number of parallel machines. It can be lower, because other processes may hold CPUs. */
unsigned session_slots(const struct session *s, const struct test_args *a);

/* cmd_test.c: all of `ktstr test`, and what `ktstr explore` does with @a->schedules. */
int test_run(const struct test_args *a, struct err **err);

/* slurm_submit.c: runs the session's tests on a cluster. */
int session_on_slurm(struct session *s, struct err **err);
/*
 * slurm_build.c: resolves kernels. Those that the cache does not have are left to a job of the run, as session.source
 * says; they are described as far as is known. Source trees are built here, and with them all others.
 */
int slurm_get_kernels(struct session *s, const struct kernels_request *q, struct kernels_result *k, struct err **err);
int slurm_load_kernel(struct session *s, struct kernels_result *k, size_t i, struct kernel *ret, struct err **err);

/* Is it a campaign that goes on in rounds? One that is divided (--partition, --slurm) is planned at once. */
static inline bool session_explores(const struct test_args *a)
{
	return a->schedules && !a->partition && !a->slurm && !a->part;
}

/* explore_session.c: runs rounds of schedules of the planned tests; @run runs the plan of `campaign`. */
int session_explore(struct session *s, const struct test_args *a,
		    int (*run)(struct session *s, const struct test_args *a, struct err **err), struct err **err);

/* test_preview.c: --list, and --dry-run, which neither builds nor runs anything. */
int session_list(struct session *s, const struct test_args *a, struct err **err);
int session_dry_run(struct session *s, const struct test_args *a, struct err **err);

#endif
