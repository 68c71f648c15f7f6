/* SPDX-License-Identifier: GPL-2.0-only */
/* html.c -- coverage as one page: a table of the files, and the sources with their counts. */
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "coverage/lines.h"
#include "formats/markup.h"

#define SOURCE_BYTES_MAX ((size_t)16 << 20)

static const char begin[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Coverage</title>\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	"<style>\n"
	":root { color-scheme: light dark }\n"
	"body { font: 14px/1.4 sans-serif; margin: 1.5em }\n"
	"th, td { padding: 0 .8em; text-align: right } td:first-child, th:first-child { text-align: left }\n"
	"pre { margin: 0; tab-size: 8 } .run { background: #2a92 } .not { background: #d334 }\n"
	"</style></head><body>\n<h1>Coverage</h1>\n";

static void put_clean(const char *text, size_t len, struct buf *out)
{
	_cleanup_buf_ struct buf clean = BUF_NULL;
	text_append(&clean, text, len);
	markup_text(out, buf_str(&clean));
}

static void put_row(const char *name, size_t number, const struct coverage_total *t, struct buf *out)
{
	buf_puts(out, "<tr><td>");
	if (number)
		buf_appendf(out, "<a href=\"#f%zu\">", number);
	put_clean(name, strlen(name), out);
	buf_appendf(out, "%s</td><td>%zu of %zu</td><td>%zu of %zu</td></tr>\n", number ? "</a>" : "", t->functions_hit,
		    t->functions, t->lines_hit, t->lines);
}

static void put_table(const struct coverage_lines *c, struct buf *out)
{
	struct coverage_total sum = coverage_total(c);
	buf_puts(out, "<table><tr><th>file</th><th>functions that ran</th><th>lines that ran</th></tr>\n");
	for (size_t i = 0; i < c->files; i++) {
		struct coverage_total t = covered_file_total(&c->file[i]);
		put_row(c->file[i].path, i + 1, &t, out);
	}
	put_row("all files", 0, &sum, out);
	buf_puts(out, "</table>\n");
}

static void put_source(const struct covered_file *f, const char *text, struct buf *out)
{
	size_t k = 0;
	buf_puts(out, "<pre>");
	for (uint32_t number = 1; *text; number++) {
		size_t len = strcspn(text, "\n");
		while (k < f->lines && f->line[k].number < number)
			k++;
		if (k < f->lines && f->line[k].number == number)
			buf_appendf(out, "<span class=\"%s\">%12lu %6u  ", f->line[k].count ? "run" : "not",
				    f->line[k].count, number);
		else
			buf_appendf(out, "<span>%12s %6u  ", "", number);
		put_clean(text, len, out);
		buf_puts(out, "</span>\n");
		text += len + (text[len] == '\n');
	}
	buf_puts(out, "</pre>\n");
}

/* Prints the counts alone: the source file is not there any more. */
static void put_counts(const struct covered_file *f, struct buf *out)
{
	buf_puts(out, "<p>The source cannot be read. Lines that did not run:");
	for (size_t i = 0; i < f->lines; i++)
		if (!f->line[i].count)
			buf_appendf(out, " %u", f->line[i].number);
	buf_puts(out, "</p>\n");
}

void coverage_put_html(const struct coverage_lines *c, const char *more, struct buf *out)
{
	buf_puts(out, begin);
	put_table(c, out);
	for (size_t i = 0; i < c->files; i++) {
		_cleanup_buf_ struct buf source = BUF_NULL;
		buf_appendf(out, "<h2 id=\"f%zu\">", i + 1);
		put_clean(c->file[i].path, strlen(c->file[i].path), out);
		buf_puts(out, "</h2>\n");
		if (file_read(c->file[i].path, SOURCE_BYTES_MAX, &source, NULL) == 0)
			put_source(&c->file[i], buf_str(&source), out);
		else
			put_counts(&c->file[i], out);
	}
	buf_puts(out, "<pre>");
	put_clean(more, strlen(more), out);
	buf_puts(out, "</pre>\n</body></html>\n");
}
