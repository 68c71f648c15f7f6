/* SPDX-License-Identifier: GPL-2.0-only */
/* perf_relevant.c -- ktstr perf-delta --relevant: which tests the change since the baseline concerns. */
#include "cli/out.h"
#include "cli/perf_relevant.h"
#include "cli/relevant.h"
#include "reactor/interrupt.h"
#include "run/build.h"

struct work {
	struct reactor *reactor;
	struct suite *suite;
	size_t suites;
	struct changes changes;
	struct affected affected;
};

static void work_done(struct work *w)
{
	relevant_done(&w->affected);
	changes_done(&w->changes);
	suites_free(w->suite, w->suites);
	reactor_free(w->reactor);
}

/* The build in this directory says what programs were made from. */
static int load_suites(struct work *w, const struct perf_args *a, struct err **err)
{
	static const char *const default_paths[] = { "build", NULL };
	struct signals signals;
	int r = reactor_new(&w->reactor, err);
	if (r == 0)
		r = interrupt_watch(&signals, w->reactor, err);
	if (r < 0)
		return r;
	r = suites_load(w->reactor, a->paths.count ? a->paths.item : default_paths, /* scenario_program= */ NULL,
			&w->suite, &w->suites, err);
	signals_done(&signals);
	return r == 0 ? schedulers_build(w->suite, w->suites, a->profile ?: BUILD_PROFILE) : r;
}

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
	_cleanup_(work_done) struct work w = { 0 };
	_cleanup_free_ char *relevant = NULL;
	int r = changes_find(&q, &w.changes);
	if (r == 0)
		r = load_suites(&w, a, err);
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
