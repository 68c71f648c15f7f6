/* SPDX-License-Identifier: GPL-2.0-only */
/* relevant.c -- see relevant.h. */
#include <stdlib.h>
#include <string.h>

#include "cli/relevant.h"
#include "reactor/interrupt.h"
#include "run/build.h"
#include "run/scheduler_path.h"

/* The programs under @suites, and the schedulers that each concerns. */
struct programs {
	struct affected_program *item;
	size_t count, room;
};

static void programs_done(struct programs *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free((char *)(uintptr_t)p->item[i].path);
		free((size_t *)(uintptr_t)p->item[i].scheduler);
	}
	free(p->item);
}

/* @path is taken over. @scheduler: @count indices, which are copied. */
static int add_program(struct programs *p, char *path, const char *problem, const size_t *scheduler, size_t count)
{
	struct affected_program *more = reallocarray(p->item, p->count + 1, sizeof(*more));
	size_t *copy = calloc(count + 1, sizeof(*copy));
	if (more)
		p->item = more;
	if (!more || !copy) {
		free(path);
		free(copy);
		return -ENOMEM;
	}
	if (count)
		memcpy(copy, scheduler, count * sizeof(*copy));
	p->item[p->count++] =
		(struct affected_program){ .path = path, .problem = problem, .scheduler = copy, .schedulers = count };
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct affected_scheduler *)a)->name, ((const struct affected_scheduler *)b)->name);
}

static struct affected_scheduler *find_name(const struct affected *a, const char *name)
{
	const struct affected_scheduler key = { .name = name };
	return bsearch(&key, a->item, a->count, sizeof(key), compare_names);
}

/* The names of all schedulers that have a program. */
static int collect_names(const struct suite *suites, size_t count, struct affected *a)
{
	size_t room = 0, kept = 0;
	for (size_t i = 0; i < count; i++)
		room += suites[i].schedulers;
	a->item = calloc(room + 1, sizeof(*a->item));
	if (!a->item)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < suites[i].schedulers; k++)
			if (suites[i].scheduler[k].binary)
				a->item[a->count++].name = suites[i].scheduler[k].name;
	qsort(a->item, a->count, sizeof(*a->item), compare_names);
	for (size_t i = 0; i < a->count; i++)
		if (!kept || strcmp(a->item[kept - 1].name, a->item[i].name) != 0)
			a->item[kept++] = a->item[i];
	a->count = kept;
	return 0;
}

/* Absolute, so that it can be compared with what builds say. A link stands for the program. */
static char *real_path(const char *path)
{
	return realpath(path, NULL);
}

static int add_scheduler(struct programs *p, const struct suite *suite, const struct sched_decl *s,
			 const struct affected *a)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_err_ struct err *unused = NULL;
	size_t index = (size_t)(find_name(a, s->name) - a->item);
	int r = scheduler_locate(s->binary, suite->path, NULL, &path, &unused);
	if (r == -ENOMEM)
		return r;
	const char *problem = s->build_problem ?: s->problem;
	return add_program(p, path ? real_path(path) : NULL, problem, &index, 1);
}

static bool is_affected_by_suite(const struct suite *suite, const struct affected *a, size_t index)
{
	for (size_t k = 0; k < suite->schedulers; k++)
		if (suite->scheduler[k].binary && find_name(a, suite->scheduler[k].name) == &a->item[index])
			return true;
	return false;
}

/* The test binary itself: a change of it concerns all schedulers that its tests use. */
static int add_suite(struct programs *p, const struct suite *suite, const struct affected *a)
{
	_cleanup_free_ size_t *index = calloc(a->count + 1, sizeof(*index));
	size_t count = 0;
	if (!index)
		return -ENOMEM;
	for (size_t i = 0; i < a->count; i++)
		if (is_affected_by_suite(suite, a, i))
			index[count++] = i;
	return add_program(p, real_path(suite->path), suite->problem, index, count);
}

int relevant_find(const struct suite *suites, size_t count, const struct changes *c, struct affected *ret)
{
	_cleanup_(programs_done) struct programs p = { 0 };
	int r = collect_names(suites, count, ret);
	for (size_t i = 0; r == 0 && i < count; i++) {
		r = add_suite(&p, &suites[i], ret);
		for (size_t k = 0; r == 0 && k < suites[i].schedulers; k++)
			if (suites[i].scheduler[k].binary)
				r = add_scheduler(&p, &suites[i], &suites[i].scheduler[k], ret);
	}
	return r == 0 ? affected_find(c, p.item, p.count, ret) : r;
}

void relevant_done(struct affected *a)
{
	affected_done(a);
	free(a->item);
	*a = (struct affected){ 0 };
}

/* --- the filter --------------------------------------------------------------------------------------------------- */

/* Schedulers without a program, and tests without a scheduler, are always relevant. */
static void put_others(const struct affected *a, const struct suite *suites, size_t count, struct buf *out)
{
	buf_puts(out, "scheduler(=eevdf)");
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < suites[i].schedulers; k++)
			if (!find_name(a, suites[i].scheduler[k].name))
				buf_appendf(out, " | scheduler(=%s)", suites[i].scheduler[k].name);
}

bool relevant_has_tests(const struct suite *suites, size_t count, const char *scheduler)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < suites[i].tests; k++) {
			const struct sched_decl *s = suites[i].test[k].scheduler;
			if (s && !strcmp(s->name, scheduler))
				return true;
		}
	return false;
}

bool relevant_others(const struct affected *a, const struct suite *suites, size_t count, struct buf *out)
{
	put_others(a, suites, count, out);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < suites[i].tests; k++)
			if (!suites[i].test[k].scheduler || !find_name(a, suites[i].test[k].scheduler->name))
				return true;
	return false;
}

int relevant_filter(const struct affected *a, const struct suite *suites, size_t count, char **ret)
{
	struct buf out = BUF_NULL;
	*ret = NULL;
	if (a->all)
		return 0;
	if (a->only_docs)
		buf_puts(&out, "none()");
	else
		put_others(a, suites, count, &out);
	for (size_t i = 0; i < a->count; i++)
		if (a->item[i].affected)
			buf_appendf(&out, " | scheduler(=%s)", a->item[i].name);
	*ret = buf_steal(&out);
	return *ret ? 0 : -ENOMEM;
}

/* --- suites ------------------------------------------------------------------------------------------------------- */

int relevant_load_suites(struct relevant_work *w, const char *const *paths, const char *profile, struct err **err)
{
	static const char *const default_paths[] = { "build", NULL };
	struct signals signals;
	int r = reactor_new(&w->reactor, err);
	if (r == 0)
		r = interrupt_watch(&signals, w->reactor, err);
	if (r < 0)
		return r;
	r = suites_load(w->reactor, paths[0] ? paths : default_paths, /* scenario_program= */ NULL, &w->suite,
			&w->suites, err);
	signals_done(&signals);
	return r == 0 && profile ? schedulers_build(w->suite, w->suites, profile) : r;
}

void relevant_work_done(struct relevant_work *w)
{
	relevant_done(&w->affected);
	changes_done(&w->changes);
	suites_free(w->suite, w->suites);
	reactor_free(w->reactor);
}
