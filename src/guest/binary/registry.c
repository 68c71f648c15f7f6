/* SPDX-License-Identifier: GPL-2.0-only */
/* registry.c -- the declarations, which the linker collects in two sections. */
#include <math.h>
#include <regex.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/test_name.h"
#include "guest/binary/attributes.h"
#include "guest/binary/registry.h"
#include "guest/checks.h"
#include "guest/inherit.h"
#include "guest/payload/declaration.h"

/* Weak, because a binary without schedulers does not have the section. */
extern const struct ktstr_test *const __start_ktstr_tests[] __attribute__((weak));
extern const struct ktstr_test *const __stop_ktstr_tests[] __attribute__((weak));
extern const struct ktstr_scheduler *const __start_ktstr_schedulers[] __attribute__((weak));
extern const struct ktstr_scheduler *const __stop_ktstr_schedulers[] __attribute__((weak));

/* Compilers may emit the entries of a section in any order. Sort them in source order. */
static int by_place(const char *file_a, unsigned line_a, const char *file_b, unsigned line_b)
{
	int c = strcmp(file_a, file_b);
	return c ? c : (line_a > line_b) - (line_a < line_b);
}

static int compare_tests(const void *a, const void *b)
{
	const struct ktstr_test *x = *(const struct ktstr_test *const *)a;
	const struct ktstr_test *y = *(const struct ktstr_test *const *)b;
	return by_place(x->file, x->line, y->file, y->line);
}

static int compare_schedulers(const void *a, const void *b)
{
	const struct ktstr_scheduler *x = *(const struct ktstr_scheduler *const *)a;
	const struct ktstr_scheduler *y = *(const struct ktstr_scheduler *const *)b;
	return by_place(x->file, x->line, y->file, y->line);
}

static void *copy_entries(const void *start, const void *stop, size_t *count)
{
	size_t bytes = start ? (size_t)((const char *)stop - (const char *)start) : 0;
	void *copy = malloc(bytes + 1);
	if (copy && bytes)
		memcpy(copy, start, bytes);
	*count = bytes / sizeof(void *);
	return copy;
}

int registry_load(struct registry *ret)
{
	struct registry r;
	r.tests = copy_entries(__start_ktstr_tests, __stop_ktstr_tests, &r.test_count);
	r.schedulers = copy_entries(__start_ktstr_schedulers, __stop_ktstr_schedulers, &r.scheduler_count);
	if (!r.tests || !r.schedulers) {
		registry_done(&r);
		return -ENOMEM;
	}
	qsort(r.tests, r.test_count, sizeof(void *), compare_tests);
	qsort(r.schedulers, r.scheduler_count, sizeof(void *), compare_schedulers);
	*ret = r;
	return 0;
}

void registry_done(struct registry *r)
{
	free(r->tests);
	free(r->schedulers);
	*r = (struct registry){ 0 };
}

const struct ktstr_test *registry_find(const struct registry *r, const char *name)
{
	for (size_t i = 0; i < r->test_count; i++)
		if (!strcmp(r->tests[i]->name, name))
			return r->tests[i];
	return NULL;
}

static const char *check_constraints(const struct ktstr_test *t)
{
	struct ktstr_constraints c = test_constraints(t);
	if (c.min_llcs > c.max_llcs)
		return "min_llcs is more than max_llcs";
	if (c.min_cpus > c.max_cpus)
		return "min_cpus is more than max_cpus";
	if (c.min_numa_nodes > c.max_numa_nodes)
		return "min_numa_nodes is more than max_numa_nodes";
	return NULL;
}

static const char *check_scx_error(const struct ktstr_test *t)
{
	if ((t->expect_scx_error_contains || t->expect_scx_error_matches) && t->expect_err != KTSTR_ON)
		return "expect_scx_error_* needs expect_err";
	regex_t regex;
	if (!t->expect_scx_error_matches)
		return NULL;
	if (regcomp(&regex, t->expect_scx_error_matches, REG_EXTENDED | REG_NOSUB) != 0)
		return "its expect_scx_error_matches is not a valid regular expression";
	regfree(&regex);
	return NULL;
}

static const char *check_expectation(const struct ktstr_test *t)
{
	if (t->expect_finding >= KTSTR_FINDING_MAX)
		return "its expect_finding is not one of enum ktstr_finding";
	if (t->expect_finding && t->expect_err != KTSTR_ON)
		return "expect_finding needs expect_err";
	if (t->expect_finding && (t->expect_scx_error_contains || t->expect_scx_error_matches))
		return "expect_finding and expect_scx_error_* exclude each other";
	if (t->expect_err == KTSTR_ON && !t->scheduler && !t->expect_finding)
		return "expect_err expects the end of its scheduler, and it has none; expect_finding expects a finding";
	return NULL;
}

static const char *check_host_only(const struct ktstr_test *t)
{
	if (t->host_only != KTSTR_ON)
		return NULL;
	if (t->scheduler || t->staged || t->payload || t->workloads || t->include_files)
		return "host_only excludes a scheduler, payloads and include files: there is no machine";
	return t->performance_mode == KTSTR_ON ? "host_only and performance_mode exclude each other" : NULL;
}

/* The message includes the payload's name, so it is in a static buffer, which the next call overwrites. */
static const char *check_payload(const struct ktstr_test *t, const struct ktstr_payload *p)
{
	static char text[256];
	const char *problem = payload_problem(p);
	unsigned times = p == t->payload;
	for (size_t i = 0; t->workloads && t->workloads[i]; i++)
		times += t->workloads[i] == p;
	if (!problem && times > 1)
		problem = "it is named twice";
	if (problem)
		snprintf(text, sizeof(text), "payload '%s': %s", p->name ? p->name : "", problem);
	return problem ? text : NULL;
}

static const char *check_payloads(const struct ktstr_test *t)
{
	const char *problem = t->payload ? check_payload(t, t->payload) : NULL;
	for (size_t i = 0; !problem && t->workloads && t->workloads[i]; i++)
		problem = check_payload(t, t->workloads[i]);
	return problem;
}

/* Does not check the kernels: the host does, because it knows their syntax. */
static const char *check_known_fail(const struct ktstr_test *t)
{
	const struct ktstr_known_fail *k = t->known_fail;
	if (k && !k->kernel && !k->scheduler && !k->reason)
		return "its known_fail has no entry";
	for (; k && (k->kernel || k->scheduler || k->reason); k++)
		if (!k->reason || !*k->reason)
			return "an entry of its known_fail has no reason";
	return NULL;
}

/* The host knows the metrics. */
static const char *check_perf_gates(const struct ktstr_test *t)
{
	const struct ktstr_perf_gate *g = t->perf_gates;
	if (g && !g->metric)
		return "its perf_gates have no entry with a metric";
	for (; g && g->metric; g++) {
		bool direction =
			!g->polarity || g->polarity == KTSTR_HIGHER_BETTER || g->polarity == KTSTR_LOWER_BETTER;
		if (!*g->metric || !direction)
			return "an entry of its perf_gates has no metric, or a polarity without a direction";
		if (!(g->max_regression_pct >= 0) || !(g->min_abs >= 0) || isinf(g->max_regression_pct + g->min_abs))
			return "a number of its perf_gates is negative or not finite";
	}
	return NULL;
}

static const char *check_name(const struct ktstr_test *t)
{
	const char *problem = test_name_problem(t->name);
	return problem || t->body ? problem : "it has no body";
}

static const char *check_schedulers(const struct ktstr_test *t)
{
	const char *problem = t->scheduler ? scheduler_problem(t->scheduler) : NULL;
	for (size_t k = 0; !problem && t->staged && t->staged[k]; k++) {
		if (!t->scheduler || !t->staged[k]->binary)
			return "staged schedulers need a scheduler to replace, and a binary";
		problem = scheduler_problem(t->staged[k]);
	}
	return problem;
}

static const char *check_topology(const struct ktstr_test *t)
{
	struct ktstr_topology p = test_topology(t);
	bool described = ktstr_described_nodes(p.nodes) > 0;
	if (!described && p.llcs % p.numa_nodes)
		return "llcs is not a multiple of numa_nodes";
	if (described && ((t->numa_nodes && t->numa_nodes != p.numa_nodes) || (t->llcs && t->llcs != p.llcs)))
		return "numa_nodes and llcs follow from its nodes: leave them out";
	if (p.numa_nodes > 64 || p.llcs > 256 || p.cores > 256 || p.threads > 8)
		return "its topology is larger than 64 nodes, 256 LLCs, 256 cores an LLC, 8 threads a core";
	return NULL;
}

static const char *check_limits(const struct ktstr_test *t)
{
	return checks_problem(&t->checks);
}

/* The first problem is reported. */
static const char *(*const checks[])(const struct ktstr_test *t) = {
	check_name,	 check_schedulers,	  check_topology,    check_constraints,
	check_scx_error, check_payloads,	  check_expectation, check_known_fail,
	check_host_only, test_attributes_problem, check_limits,	     check_perf_gates,
};

const char *test_validate(const struct ktstr_test *t)
{
	const char *problem = NULL;
	for (size_t i = 0; !problem && i < ARRAY_SIZE(checks); i++)
		problem = checks[i](t);
	return problem;
}
