/* SPDX-License-Identifier: GPL-2.0-only */
/* lines.c -- see lines.h. */
#include <string.h>

#include "coverage/lines.h"

/* Room for one more of @size bytes; the new list, or NULL. */
static void *grow(void *list, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return list;
	size_t more = *room ? 2 * *room : 16;
	void *p = reallocarray(list, more, size);
	if (p)
		*room = more;
	return p;
}

struct covered_file *coverage_file(struct coverage_lines *c, const char *path)
{
	/* Readers add to one file at a time, and the latest one is the most likely. */
	for (size_t i = c->files; i-- > 0;)
		if (!strcmp(c->file[i].path, path))
			return &c->file[i];
	struct covered_file *file = grow(c->file, c->files, &c->room, sizeof(*file));
	if (!file)
		return NULL;
	c->file = file;
	c->file[c->files] = (struct covered_file){ .path = strdup(path) };
	return c->file[c->files].path ? &c->file[c->files++] : NULL;
}

int covered_line_add(struct covered_file *f, uint32_t number, uint64_t count)
{
	struct covered_line *line = grow(f->line, f->lines, &f->line_room, sizeof(*line));
	if (!line)
		return -ENOMEM;
	f->line = line;
	f->line[f->lines++] = (struct covered_line){ number, count };
	return 0;
}

int covered_function_add(struct covered_file *f, const char *name, uint32_t line, uint64_t count)
{
	struct covered_function *fn = grow(f->function, f->functions, &f->function_room, sizeof(*fn));
	char *copy = fn ? strdup(name) : NULL;
	if (fn)
		f->function = fn;
	if (!copy)
		return -ENOMEM;
	f->function[f->functions++] = (struct covered_function){ copy, line, count };
	return 0;
}

static int add_file(struct covered_file *to, const struct covered_file *from)
{
	int r = 0;
	for (size_t i = 0; i < from->lines && r == 0; i++)
		r = covered_line_add(to, from->line[i].number, from->line[i].count);
	for (size_t i = 0; i < from->functions && r == 0; i++)
		r = covered_function_add(to, from->function[i].name, from->function[i].line, from->function[i].count);
	return r;
}

int coverage_lines_add(struct coverage_lines *to, const struct coverage_lines *from)
{
	int r = 0;
	for (size_t i = 0; i < from->files && r == 0; i++) {
		struct covered_file *file = coverage_file(to, from->file[i].path);
		r = file ? add_file(file, &from->file[i]) : -ENOMEM;
	}
	return r;
}

static int by_path(const void *x, const void *y)
{
	const struct covered_file *a = x, *b = y;
	return strcmp(a->path, b->path);
}

static int by_number(const void *x, const void *y)
{
	const struct covered_line *a = x, *b = y;
	return (a->number > b->number) - (a->number < b->number);
}

static int by_line_and_name(const void *x, const void *y)
{
	const struct covered_function *a = x, *b = y;
	return (a->line > b->line) - (a->line < b->line) ?: strcmp(a->name, b->name);
}

static uint64_t add_counts(uint64_t a, uint64_t b)
{
	uint64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static void settle_lines(struct covered_file *f)
{
	size_t kept = 0;
	if (f->lines)
		qsort(f->line, f->lines, sizeof(*f->line), by_number);
	for (size_t i = 0; i < f->lines; i++) {
		if (kept && f->line[kept - 1].number == f->line[i].number)
			f->line[kept - 1].count = add_counts(f->line[kept - 1].count, f->line[i].count);
		else
			f->line[kept++] = f->line[i];
	}
	f->lines = kept;
}

static void settle_functions(struct covered_file *f)
{
	size_t kept = 0;
	if (f->functions)
		qsort(f->function, f->functions, sizeof(*f->function), by_line_and_name);
	for (size_t i = 0; i < f->functions; i++) {
		struct covered_function *last = kept ? &f->function[kept - 1] : NULL;
		if (last && by_line_and_name(last, &f->function[i]) == 0) {
			last->count = add_counts(last->count, f->function[i].count);
			free(f->function[i].name);
		} else {
			f->function[kept++] = f->function[i];
		}
	}
	f->functions = kept;
}

void coverage_settle(struct coverage_lines *c)
{
	if (c->files)
		qsort(c->file, c->files, sizeof(*c->file), by_path);
	for (size_t i = 0; i < c->files; i++) {
		settle_lines(&c->file[i]);
		settle_functions(&c->file[i]);
	}
}

struct coverage_total covered_file_total(const struct covered_file *f)
{
	struct coverage_total t = { .lines = f->lines, .functions = f->functions };
	for (size_t i = 0; i < f->lines; i++)
		t.lines_hit += f->line[i].count != 0;
	for (size_t i = 0; i < f->functions; i++)
		t.functions_hit += f->function[i].count != 0;
	return t;
}

struct coverage_total coverage_total(const struct coverage_lines *c)
{
	struct coverage_total sum = { 0 };
	for (size_t i = 0; i < c->files; i++) {
		struct coverage_total t = covered_file_total(&c->file[i]);
		sum.lines += t.lines;
		sum.lines_hit += t.lines_hit;
		sum.functions += t.functions;
		sum.functions_hit += t.functions_hit;
	}
	return sum;
}

void coverage_lines_done(struct coverage_lines *c)
{
	for (size_t i = 0; i < c->files; i++) {
		struct covered_file *f = &c->file[i];
		for (size_t k = 0; k < f->functions; k++)
			free(f->function[k].name);
		free(f->function);
		free(f->line);
		free(f->path);
	}
	free(c->file);
	*c = (struct coverage_lines){ 0 };
}
