/* SPDX-License-Identifier: GPL-2.0-only */
/* build.c -- see build.h. build_read.c reads each kind of build. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "affected/build_read.h"
#include "base/file.h"
#include "base/text.h"

void builds_done(struct builds *b)
{
	for (size_t i = 0; i < b->count; i++) {
		free(b->item[i].dir);
		graph_done(&b->item[i].graph);
		json_decref(b->item[i].files);
		json_decref(b->item[i].outputs);
	}
	free(b->item);
	free(b->top);
	*b = (struct builds){ 0 };
}

/* --- which build made it ------------------------------------------------------------------------------------------ */

static bool has_file(const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);
	return path && path_exists(path);
}

static bool has_makefile(const char *dir)
{
	return has_file(dir, "GNUmakefile") || has_file(dir, "makefile") || has_file(dir, "Makefile");
}

static bool is_build(const char *dir, enum build_kind *ret)
{
	if (has_file(dir, "build.ninja"))
		*ret = BUILD_NINJA;
	else if (has_file(dir, "CMakeCache.txt"))
		*ret = BUILD_CMAKE_MAKE;
	else
		return false;
	return true;
}

/* The nearest directory above @program that is a build, else the nearest with a makefile, else its own. */
static char *find_build(const char *program, const char *top, enum build_kind *ret)
{
	_cleanup_free_ char *dir = path_dirname(program), *makefile = NULL;
	char *own = dir ? strdup(dir) : NULL;
	while (dir && strcmp(dir, "/") != 0) {
		if (is_build(dir, ret)) {
			free(own);
			return TAKE_PTR(dir);
		}
		if (!makefile && has_makefile(dir))
			makefile = strdup(dir);
		if (!strcmp(dir, top))
			break;
		char *up = path_dirname(dir);
		free(dir);
		dir = up;
	}
	*ret = makefile ? BUILD_MAKE : BUILD_LISTS;
	if (!makefile)
		return own;
	free(own);
	return TAKE_PTR(makefile);
}

static int find_or_read(struct builds *b, const char *program, struct build **ret)
{
	enum build_kind kind;
	_cleanup_free_ char *dir = find_build(program, b->top, &kind);
	if (!dir)
		return -ENOMEM;
	for (size_t i = 0; i < b->count; i++)
		if (b->item[i].kind == kind && !strcmp(b->item[i].dir, dir)) {
			*ret = &b->item[i];
			return 0;
		}
	struct build *more = reallocarray(b->item, b->count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	b->item = more;
	struct build *build = &b->item[b->count++];
	*build = (struct build){ .dir = TAKE_PTR(dir), .kind = kind, .files = json_object(), .outputs = json_object() };
	int r = build->files && build->outputs ? graph_init(&build->graph) : -ENOMEM;
	*ret = build;
	return r == 0 ? build_read(build) : r;
}

/* --- is it all? --------------------------------------------------------------------------------------------------- */

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	return !strncmp(path, dir, len) && path[len] == '/';
}

PRINTF_LIKE(1, 2) static char *unknown(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : text;
}

static bool is_newer(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec > b->st_mtim.tv_sec ||
	       (a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec > b->st_mtim.tv_nsec);
}

/* Why @found may lack files of @program, or NULL. */
static char *why_unknown(const struct builds *b, const struct build *build, const char *program, json_t *found)
{
	const struct graph *g = &build->graph;
	struct stat made, st;
	const char *path;
	json_t *unused;
	size_t sources = 0;
	if (g->failed || !g->edge || !found)
		return unknown("the build in '%s' could not be read completely", build->dir);
	if (stat(program, &made) < 0)
		return unknown("'%s' is not there; build it", program);
	if (json_object_get(g->compiled, program) && !json_object_get(g->informed, program))
		return unknown("the compiler did not say which files it read for '%s' (-MD)", program);
	json_object_foreach(found, path, unused) {
		if (json_object_get(g->compiled, path) && !json_object_get(g->informed, path))
			return unknown("the compiler did not say which files it read for '%s' (-MD)", path);
		bool is_made = json_object_get(g->edge, path);
		bool is_generated =
			build->kind != BUILD_MAKE && is_below(path, build->dir) && strcmp(build->dir, b->top);
		if (is_made || is_generated || !is_below(path, b->top))
			continue;
		sources++;
		if (stat(path, &st) < 0)
			return unknown("'%s', which it was made from, is not there; build it again", path);
		if (S_ISREG(st.st_mode) && is_newer(&st, &made))
			return unknown("'%s' is newer than it; build it again", path);
	}
	return sources ? NULL : unknown("no build says what '%s' is made from", program);
}

int builds_inputs(struct builds *b, const char *program, json_t **ret, char **ret_unknown)
{
	struct build *build;
	json_auto_t *found = json_object();
	const char *path;
	json_t *unused;
	int r = find_or_read(b, program, &build);
	if (r == 0)
		r = build_close(build, program, &found);
	if (r < 0 || !found)
		return -ENOMEM;
	*ret_unknown = why_unknown(b, build, program, found);
	json_object_foreach(found, path, unused) {
		/* Also by its real name: a change is named by that. */
		_cleanup_free_ char *real = realpath(path, NULL);
		json_put(ret, path, json_true());
		if (real && strcmp(real, path) != 0 && text_is_clean(real, strlen(real), true))
			json_put(ret, real, json_true());
	}
	return *ret ? 0 : -ENOMEM;
}
