/* SPDX-License-Identifier: GPL-2.0-only */
/* affected.c -- see affected.h. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "affected/affected.h"
#include "base/file.h"

void affected_done(struct affected *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->item[i].why);
	free(a->why);
	a->why = NULL;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static bool matches(const char *const *patterns, const char *name)
{
	for (; *patterns; patterns++)
		if (fnmatch(*patterns, name, 0) == 0)
			return true;
	return false;
}

/* Is one of the directories of @path called @name? */
static bool has_directory(const char *path, const char *name)
{
	size_t len = strlen(name);
	for (const char *at = path; (at = strstr(at, name)); at += len)
		if ((at == path || at[-1] == '/') && at[len] == '/')
			return true;
	return false;
}

bool is_build_description(const char *path)
{
	static const char *const patterns[] = { "meson.build",
						"meson_options.txt",
						"meson.options",
						"*.wrap",
						"CMakeLists.txt",
						"*.cmake",
						"*.cmake.in",
						"CMakePresets.json",
						"Makefile",
						"Makefile.*",
						"makefile",
						"GNUmakefile",
						"*.mk",
						"*.mak",
						"Kbuild",
						"Kconfig*",
						"configure*",
						"*.am",
						"*.ac",
						"*.m4",
						"Cargo.toml",
						"Cargo.lock",
						"build.rs",
						"rust-toolchain*",
						".gitmodules",
						"build.ninja",
						"*.ninja",
						".gitattributes",
						NULL };
	return matches(patterns, path_basename(path));
}

bool is_documentation(const char *path)
{
	static const char *const patterns[] = {
		"*.md",		"*.rst",      "*.adoc",	    "README",	"README.*",
		"LICENSE*",	"LICENCE*",   "COPYING*",   "AUTHORS*", "CONTRIBUTORS*",
		"MAINTAINERS*", "CHANGELOG*", "CHANGES*",   "NEWS*",	"CODE_OF_CONDUCT*",
		".gitignore",	".mailmap",   "CODEOWNERS", NULL
	};
	static const char *const texts[] = { "*.txt",  "*.png", "*.svg", "*.jpg", "*.gif", "*.pdf",
					     "*.html", "*.css", "*.1",	 "*.7",	  NULL };
	const char *name = path_basename(path);
	if (is_build_description(path))
		return false;
	/* A program can have such a name, too. */
	if (matches(patterns, name))
		return !is_source(path);
	return matches(texts, name) &&
	       (has_directory(path, "doc") || has_directory(path, "docs") || has_directory(path, "Documentation"));
}

/* --- reasons ------------------------------------------------------------------------------------------------------ */

static int mark(struct affected_scheduler *s, const char *why, const char *path)
{
	if (!s->affected && asprintf(&s->why, "%s%s", why, path) < 0) {
		s->why = NULL;
		return -ENOMEM;
	}
	s->affected = true;
	return 0;
}

static int mark_all(struct affected *a, const char *why, const char *path)
{
	if (!a->all && asprintf(&a->why, "%s%s", path, why) < 0) {
		a->why = NULL;
		return -ENOMEM;
	}
	a->all = true;
	for (size_t i = 0; i < a->count; i++) {
		int r = mark(&a->item[i], a->why, "");
		if (r < 0)
			return r;
	}
	return 0;
}

static int mark_program(struct affected *a, const struct affected_program *p, const char *why, const char *path)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < p->schedulers; i++)
		r = mark(&a->item[p->scheduler[i]], why, path);
	return r;
}

/* --- attribution -------------------------------------------------------------------------------------------------- */

/* What is known of the inputs of one program. */
struct inputs {
	json_t *path;  /* {path: true} */
	char *unknown; /* why there may be more; NULL: there are not */
};

struct search {
	const struct changes *changes;
	const struct affected_program *program;
	size_t programs;
	struct inputs *inputs;
	struct builds builds;
};

static void search_done(struct search *s)
{
	for (size_t i = 0; s->inputs && i < s->programs; i++) {
		json_decref(s->inputs[i].path);
		free(s->inputs[i].unknown);
	}
	free(s->inputs);
	builds_done(&s->builds);
}

static int read_inputs(const struct affected_program *p, struct builds *b, struct inputs *ret)
{
	ret->path = json_object();
	if (!ret->path)
		return -ENOMEM;
	if (p->problem || !p->path) {
		ret->unknown = strdup(p->problem ?: "its program was not found");
		return ret->unknown ? 0 : -ENOMEM;
	}
	return builds_inputs(b, p->path, &ret->path, &ret->unknown);
}

static int read_all_inputs(struct search *s)
{
	int r = 0;
	s->inputs = calloc(s->programs + 1, sizeof(*s->inputs));
	s->builds.top = strdup(s->changes->top);
	if (!s->inputs || !s->builds.top)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < s->programs; i++)
		r = read_inputs(&s->program[i], &s->builds, &s->inputs[i]);
	return r;
}

static bool describes_build(const struct search *s, const char *path)
{
	if (is_build_description(path))
		return true;
	for (size_t i = 0; i < s->builds.count; i++)
		if (json_object_get(s->builds.item[i].files, path))
			return true;
	return false;
}

static const char *below_top(const struct changes *c, const char *path)
{
	size_t len = strlen(c->top);
	return !strncmp(path, c->top, len) && path[len] == '/' ? path + len + 1 : path;
}

/* Marks the schedulers of one changed file. @a->only_docs stays true for documentation that no program is made from. */
static int attribute(const struct search *s, const char *path, struct affected *a)
{
	const char *name = below_top(s->changes, path);
	bool found = false;
	int r = 0;
	for (size_t i = 0; r == 0 && i < s->programs; i++) {
		if (!json_object_get(s->inputs[i].path, path))
			continue;
		found = true;
		r = mark_program(a, &s->program[i], name, " changed");
	}
	if (r < 0)
		return r;
	if (describes_build(s, path)) {
		a->only_docs = false;
		return mark_all(a, " is part of the build", name);
	}
	if (!found && is_documentation(name))
		return 0;
	a->only_docs = false;
	return found ? 0 : mark_all(a, " belongs to no program that is known", name);
}

/* Of a program whose inputs are not all known, every change can be one. */
static int mark_unknown(const struct search *s, struct affected *a)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < s->programs; i++)
		if (s->inputs[i].unknown)
			r = mark_program(a, &s->program[i], s->inputs[i].unknown, "");
	return r;
}

int affected_find(const struct changes *c, const struct affected_program *program, size_t programs,
		  struct affected *ret)
{
	_cleanup_(search_done) struct search s = { .changes = c, .program = program, .programs = programs };
	ret->only_docs = !c->why;
	if (c->why)
		return mark_all(ret, "", c->why);
	if (!c->count)
		return 0;
	int r = read_all_inputs(&s);
	for (size_t i = 0; r == 0 && i < c->count; i++)
		r = attribute(&s, c->path[i], ret);
	return r == 0 && !ret->only_docs ? mark_unknown(&s, ret) : r;
}
