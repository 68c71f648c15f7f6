/* SPDX-License-Identifier: GPL-2.0-only */
/* attempt_facts.c -- what the run says about an attempt: its tries, what its test expects, where its files belong. */
#include <stdio.h>
#include <string.h>

#include "base/test_name.h"
#include "run/fleet.h"
#include "run/second_run.h"

nsec_t attempt_began(const struct attempt *a)
{
	nsec_t host = atomic_load(&a->host_began);
	return !a->on_host ? a->admitted : host == HOST_NEVER ? 0 : host;
}

static struct fleet *fleet_of(const struct attempt *a)
{
	return a->owner;
}

struct flake_history *attempt_history(const struct attempt *a)
{
	const struct fleet *f = fleet_of(a);
	return &f->history[a->item - f->config.plan->item];
}

struct flake_policy attempt_policy(const struct attempt *a)
{
	struct flake_policy policy = fleet_of(a)->config.flake;
	if (a->item->known_fail)
		policy.retries = 0;
	return policy;
}

/* Is its failure one of those that the user has listed? */
static bool is_listed(const struct attempt *a)
{
	const struct known_signatures *known = fleet_of(a)->config.known;
	const struct detail *cause = judgement_cause(&a->judgement);
	return known && cause && !a->item->problem && a->judgement.verdict == KTSTR_FAIL &&
	       known_signatures_have(known, cause->text);
}

enum known_outcome attempt_known(const struct attempt *a)
{
	if (!a->item->known_fail && is_listed(a))
		return KNOWN_XFAIL;
	return known_outcome(a->item->known_fail && a->outcome.final && !a->item->problem, &a->judgement);
}

struct judge_facts attempt_facts(const struct attempt *a)
{
	const struct test_decl *t = a->item->test;
	return (struct judge_facts){
		.has_scheduler = t->scheduler != NULL,
		.lacks = t->scheduler ? t->scheduler->lacks : 0,
		.scheduler = t->scheduler ? t->scheduler->name : NULL,
		.duration = t->duration,
		.expect_err = t->expect_err,
		.expect_finding = t->expect_finding,
		.emulated = !strcmp(fleet_of(a)->config.accel->backend->name, "tcg"),
		.parallel_time = a->item->lag_ns > 0,
		.expect_contains = t->expect_contains,
		.expect_matches = t->expect_matches,
		.survives_storm = t->survives_storm,
		.watchdog_s = t->watchdog_timeout_s,
		.expect_repro = t->expect_auto_repro,
		.reproduced = second_run_reproduced(a),
		.cleanup_budget = t->cleanup_budget_ms * NSEC_PER_MSEC,
		.file = t->file,
		.line = t->line,
		.limits = a->item->limits,
		.verifies_only = a->item->constants != NULL,
	};
}

const struct rundir *attempt_rundir(const struct attempt *a)
{
	const struct fleet_config *config = &fleet_of(a)->config;
	return &config->rundirs[a->item->kernel - config->kernels];
}

/* Tries of one test have a file each, which their seeds tell apart. */
char *attempt_sidecar_path(const struct attempt *a)
{
	const struct flake_policy *policy = &fleet_of(a)->config.flake;
	char name[TEST_NAME_MAX + 1], seed[24] = "", *path = NULL;
	test_name_for_file(a->item->test->name, name);
	if (policy->repeat || policy->retries)
		snprintf(seed, sizeof(seed), "-s%016lx", a->seed);
	if (asprintf(&path, "%s/%s-%016lx%s" SIDECAR_SUFFIX, attempt_rundir(a)->path, name, a->item->variant, seed) < 0)
		return NULL;
	return path;
}
