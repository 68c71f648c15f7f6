/* SPDX-License-Identifier: GPL-2.0-only */
/* last_run_new.c -- tests that were added to the suites of the last run since then. */
#include <string.h>

#include "base/file.h"
#include "reactor/interrupt.h"
#include "cli/last_run.h"

static const char *member(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "";
}

/* Kernels with a label and nothing else, for names. */
static int named_kernels(const json_t *record, struct kernel **ret, size_t *ret_count)
{
	const json_t *list = json_object_get(record, "kernels");
	size_t count = json_array_size(list);
	struct kernel *k = calloc(count + 1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		k[i].label = (char *)member(json_array_get(list, i), "label");
		k[i].version = k[i].name = (char *)"";
	}
	*ret = k;
	*ret_count = count;
	return 0;
}

static bool is_recorded(const json_t *tests, const struct plan_case *c)
{
	size_t i;
	json_t *test;
	json_array_foreach(tests, i, test)
		if (!strcmp(member(test, "name"), c->name) &&
		    !strcmp(member(test, "suite"), path_basename(c->test->binary)))
			return true;
	return false;
}

/* A new test has no result. It is looked for where the others of the run are. */
static json_t *new_test(const struct plan_case *c, const char *run)
{
	json_t *o = json_object();
	json_put(&o, "name", json_string(c->name));
	json_put(&o, "suite", json_string(path_basename(c->test->binary)));
	json_put(&o, "run", json_string(run));
	return o;
}

static int record_new(json_t *tests, const struct plan *plan)
{
	const char *run = member(json_array_get(tests, 0), "run");
	json_auto_t *added = json_array();
	for (size_t i = 0; i < plan->count; i++)
		if (!is_recorded(tests, &plan->item[i]))
			json_add(&added, new_test(&plan->item[i], run));
	return !added || json_array_extend(tests, added) < 0 ? -ENOMEM : 0;
}

static int plan_again(const struct suite *suites, size_t count, json_t *record, struct err **err)
{
	_cleanup_(filter_free_p) struct filter *filter = NULL;
	_cleanup_free_ struct kernel *kernels = NULL;
	const char *said = json_string_value(json_object_get(record, "filter"));
	struct plan plan = { 0 };
	struct plan_request q = { .suites = suites,
				  .suite_count = count,
				  .gauntlet = json_is_true(json_object_get(record, "gauntlet")) };
	int r = said ? filter_parse(said, &filter, err) : 0;
	if (r == 0)
		r = named_kernels(record, &kernels, &q.kernel_count);
	if (r < 0)
		return r;
	q.kernels = kernels;
	q.labels = q.kernel_count > 1;
	q.filter = filter;
	r = plan_make(&q, &plan, err);
	if (r == 0 && !json_is_true(json_object_get(record, "all_ignored")))
		plan_keep_ignored(&plan, false);
	if (r == 0)
		r = record_new(json_object_get(record, "tests"), &plan);
	plan_done(&plan);
	return r;
}

static size_t take_list(const json_t *list, const char **ret)
{
	size_t count = json_array_size(list);
	for (size_t i = 0; i < count && i < STRINGS_MAX; i++)
		ret[i] = json_string_value(json_array_get(list, i));
	return MIN_OF(count, (size_t)STRINGS_MAX);
}

/* Lists the suites, and adds tests to the record that it does not have. */
int last_run_add_new(json_t *record, struct err **err)
{
	struct strings paths = { 0 };
	struct reactor *reactor = NULL;
	struct suite *suites = NULL;
	struct signals signals;
	size_t count = 0;
	if (json_is_true(json_object_get(record, "part")))
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "--new: the last run was a part of its tests (--partition, --relevant or "
			    "KTSTR_BUDGET_SECS), so new tests cannot be told from those left out; leave --new out");
	paths.count = take_list(json_object_get(record, "paths"), paths.item);
	if (!paths.count)
		paths.item[0] = "build";
	int r = reactor_new(&reactor, err);
	if (r == 0)
		r = interrupt_watch(&signals, reactor, err);
	if (r == 0) {
		r = suites_load(reactor, paths.item, /* scenario_program= */ NULL, &suites, &count, err);
		signals_done(&signals);
	}
	if (r == 0)
		r = plan_again(suites, count, record, err);
	suites_free(suites, count);
	reactor_free(reactor);
	return r;
}
