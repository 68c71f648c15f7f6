/* SPDX-License-Identifier: GPL-2.0-only */
/* lines.h -- how often lines and functions of source files were executed: collected, added up, written. */
#ifndef KTSTR_COVERAGE_LINES_H
#define KTSTR_COVERAGE_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct covered_line {
	uint32_t number;
	uint64_t count;
};

struct covered_function {
	char *name;
	uint32_t line;
	uint64_t count;
};

struct covered_file {
	char *path;
	struct covered_line *line;
	struct covered_function *function;
	size_t lines, functions, line_room, function_room;
};

struct coverage_lines {
	struct covered_file *file;
	size_t files, room;
};

struct coverage_total {
	size_t lines, lines_hit, functions, functions_hit;
};

void coverage_lines_done(struct coverage_lines *c);
/* The file @path, new if it is not there yet; valid until the next call. NULL: out of memory. */
struct covered_file *coverage_file(struct coverage_lines *c, const char *path);
/* -ENOMEM. */
int covered_line_add(struct covered_file *f, uint32_t number, uint64_t count);
int covered_function_add(struct covered_file *f, const char *name, uint32_t line, uint64_t count);
/* -ENOMEM: some of them. */
int coverage_lines_add(struct coverage_lines *to, const struct coverage_lines *from);
/* Sorts by path, line and name, and adds up what several object files, programs or machines say about the same. */
void coverage_settle(struct coverage_lines *c);
struct coverage_total covered_file_total(const struct covered_file *f);
struct coverage_total coverage_total(const struct coverage_lines *c);

/* lcov.c. What `llvm-cov export --format=lcov` and lcov write. -EBADMSG names the line. */
int coverage_read_lcov(const char *text, size_t len, struct coverage_lines *ret, struct err **err);
void coverage_put_lcov(const struct coverage_lines *c, struct buf *out);

/* gcov.c. A document of `gcov --json-format`. -EBADMSG: it is not one. */
int coverage_read_gcov(const json_t *document, struct coverage_lines *ret, struct err **err);

/* text.c. A table of the files; a document; a page with the sources, as far as they can be read. */
void coverage_put_table(const struct coverage_lines *c, struct buf *out);
json_t *coverage_json(const struct coverage_lines *c);
/* html.c */
void coverage_put_html(const struct coverage_lines *c, const char *more, struct buf *out); /* @more: text at the end */

#endif
