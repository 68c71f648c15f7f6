/* SPDX-License-Identifier: GPL-2.0-only */
/* test_session.h -- one `ktstr test`: what it is made of, for the two files that it is in. */
#ifndef KTSTR_CLI_TEST_SESSION_H
#define KTSTR_CLI_TEST_SESSION_H

#include "cli/kernels.h"
#include "cli/test_args.h"
#include "run/budget.h"
#include "run/fleet.h"
#include "run/planner.h"

/* Everything a run is made of; freed in one place. */
struct session {
	struct reactor *reactor;
	struct cache cache;
	struct suite *suite;
	size_t suites;
	struct kernel kernel[KERNELS_MAX];
	struct rundir rundir[KERNELS_MAX];
	char commit[COMMIT_TEXT_MAX];
	size_t kernels, first; /* first: of those whose tests run now */
	bool labels;	       /* there are several, so names say which */
	const struct test_args *args;
	struct run_counts counts;
	struct closing closing;
	struct filter *filter;
	struct plan plan;
	struct accel_choice accel;
	char **environment; /* of what replay lines have to name */
	char *image_cache, *probe_cache;
	uint64_t seed;
	struct flake_policy flake;
	struct partition partition;
	unsigned allowed; /* CPUs */
	struct cpu_budget budget;
	enum plan_perf perf;
	char *snapshot_cache; /* NULL: tests boot */
};

/* cmd_test.c */
int session_plan(struct session *s, const struct test_args *a, struct err **err);
/* How long everything will take, what of it fits the budget, and in which order. */
int session_schedule(struct session *s, struct err **err);
int session_choose_accel(struct session *s, const struct test_args *a, struct err **err);
/* Machines at once, as far as that can be known: others may hold CPUs. */
unsigned session_slots(const struct session *s, const struct test_args *a);

/* test_preview.c: --list, and --dry-run, which builds nothing and runs nothing. */
int session_list(struct session *s, const struct test_args *a, struct err **err);
int session_dry_run(struct session *s, const struct test_args *a, struct err **err);

#endif
