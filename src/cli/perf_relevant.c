/* SPDX-License-Identifier: GPL-2.0-only */
/* perf_relevant.c -- ktstr perf-delta --relevant: which tests the change since the baseline concerns. */
#include "cli/out.h"
#include "cli/perf_relevant.h"
#include "cli/relevant.h"
#include "run/build.h"

static void say_relevant(const struct affected *f)
{
	if (f->all)
		say_printf("note: all tests are relevant: %s\n", f->why);
	for (size_t i = 0; !f->all && i < f->count; i++)
		if (f->item[i].affected)
			say_printf("note: tests of %s are relevant: %s\n", f->item[i].name, f->item[i].why);
	if (f->only_docs)
		say_printf("note: no test is relevant: only documentation changed since the baseline\n");
}

int perf_relevant(const struct perf_args *a, const struct worktree_spec *base, char **ret, bool *ret_none,
		  struct err **err)
{
	const struct change_question q = { .base = base->commit, .worktree = true };
	_cleanup_(relevant_work_done) struct relevant_work w = { 0 };
	_cleanup_free_ char *relevant = NULL;
	int r = changes_find(&q, &w.changes);
	if (r == 0)
		r = relevant_load_suites(&w, a->paths.item, a->profile ?: BUILD_PROFILE, err);
	if (r == 0)
		r = relevant_find(w.suite, w.suites, &w.changes, &w.affected);
	if (r == 0)
		r = relevant_filter(&w.affected, w.suite, w.suites, &relevant);
	if (r < 0)
		return r;
	say_relevant(&w.affected);
	*ret_none = w.affected.only_docs;
	if (relevant && asprintf(ret, a->filter ? "(%s) & (%s)" : "%s", relevant, a->filter) < 0)
		return -ENOMEM;
	return 0;
}
