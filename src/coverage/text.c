/* SPDX-License-Identifier: GPL-2.0-only */
/* text.c -- coverage as a table, and as JSON. */
#include <string.h>

#include "base/text.h"
#include "coverage/lines.h"

static double percent(size_t part, size_t all)
{
	return all ? 100.0 * (double)part / (double)all : 100.0;
}

static void put_row(const char *name, const struct coverage_total *t, struct buf *out)
{
	buf_appendf(out, "%6zu %6zu %6.1f%% %7zu %7zu %6.1f%%  ", t->functions, t->functions_hit,
		    percent(t->functions_hit, t->functions), t->lines, t->lines_hit, percent(t->lines_hit, t->lines));
	text_append_line(out, name, strlen(name));
	buf_puts(out, "\n");
}

void coverage_put_table(const struct coverage_lines *c, struct buf *out)
{
	struct coverage_total sum = coverage_total(c);
	buf_puts(out, "     functions             lines\n"
		      "   all    run             all     run           file\n");
	for (size_t i = 0; i < c->files; i++) {
		struct coverage_total t = covered_file_total(&c->file[i]);
		put_row(c->file[i].path, &t, out);
	}
	put_row("all files", &sum, out);
}

static json_t *total_json(const struct coverage_total *t)
{
	json_t *o = json_object();
	json_put_u64(&o, "functions", t->functions);
	json_put_u64(&o, "functions_run", t->functions_hit);
	json_put_u64(&o, "lines", t->lines);
	json_put_u64(&o, "lines_run", t->lines_hit);
	return o;
}

static json_t *functions_json(const struct covered_file *f)
{
	json_t *list = json_array();
	for (size_t i = 0; i < f->functions; i++) {
		json_t *o = json_object();
		json_put_text(&o, "name", f->function[i].name);
		json_put_u64(&o, "line", f->function[i].line);
		json_put_u64(&o, "count", f->function[i].count);
		json_add(&list, o);
	}
	return list;
}

static json_t *lines_json(const struct covered_file *f)
{
	json_t *list = json_array();
	for (size_t i = 0; i < f->lines; i++) {
		json_t *pair = json_array();
		json_add(&pair, json_u64(f->line[i].number));
		json_add(&pair, json_u64(f->line[i].count));
		json_add(&list, pair);
	}
	return list;
}

json_t *coverage_json(const struct coverage_lines *c)
{
	struct coverage_total sum = coverage_total(c);
	json_t *document = json_object(), *files = json_array();
	for (size_t i = 0; i < c->files; i++) {
		struct coverage_total t = covered_file_total(&c->file[i]);
		json_t *o = json_object();
		json_put_text(&o, "path", c->file[i].path);
		json_put(&o, "total", total_json(&t));
		json_put(&o, "functions", functions_json(&c->file[i]));
		json_put(&o, "lines", lines_json(&c->file[i]));
		json_add(&files, o);
	}
	json_put_int(&document, "format", 1);
	json_put(&document, "total", total_json(&sum));
	json_put(&document, "files", files);
	return document;
}
