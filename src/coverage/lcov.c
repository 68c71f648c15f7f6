/* SPDX-License-Identifier: GPL-2.0-only */
/* lcov.c -- the text format of lcov (geninfo(1), "TRACEFILE FORMAT"). */
#include <string.h>

#include "base/parse.h"
#include "coverage/lines.h"

struct reader {
	struct coverage_lines *to;
	struct covered_file *file; /* of the last SF; NULL: none is open */
	size_t line;
};

static int fail_line(const struct reader *r, const char *what, struct err **err)
{
	return FAIL(err, ERR_DATA, -EBADMSG, "line %zu of the lcov text is damaged: %s", r->line, what);
}

/* "NUMBER,REST": both parts; @ret_rest may be NULL, then nothing may follow but a checksum. */
static bool split(char *text, uint64_t *number, char **ret_rest)
{
	char *comma = strchr(text, ',');
	if (!comma)
		return false;
	*comma = '\0';
	*ret_rest = comma + 1;
	return parse_u64(text, number) == 0;
}

static int read_line(struct reader *r, char *text, struct err **err)
{
	uint64_t number, count;
	char *rest;
	if (!split(text, &number, &rest) || !number || number > UINT32_MAX)
		return fail_line(r, "DA needs a line and a count", err);
	rest[strcspn(rest, ",")] = '\0'; /* a checksum */
	if (parse_u64(rest, &count) < 0)
		return fail_line(r, "DA needs a line and a count", err);
	return covered_line_add(r->file, (uint32_t)number, count);
}

/* FN says where a function is, FNDA how often it ran; settling adds the two up. */
static int read_function(struct reader *r, char *text, struct err **err)
{
	uint64_t number;
	char *rest;
	if (!split(text, &number, &rest) || number > UINT32_MAX)
		return fail_line(r, "FN needs a line and a name", err);
	return covered_function_add(r->file, rest, (uint32_t)number, 0);
}

static int read_calls(struct reader *r, char *text, struct err **err)
{
	uint64_t count;
	char *name;
	if (!split(text, &count, &name))
		return fail_line(r, "FNDA needs a count and a name", err);
	for (size_t i = r->file->functions; i-- > 0;)
		if (!strcmp(r->file->function[i].name, name)) {
			r->file->function[i].count += count;
			return 0;
		}
	return fail_line(r, "FNDA names a function without FN", err);
}

static int read_record(struct reader *r, char *line, struct err **err)
{
	static const struct {
		const char *key;
		int (*read)(struct reader *r, char *text, struct err **err);
	} keys[] = { { "DA:", read_line }, { "FN:", read_function }, { "FNDA:", read_calls } };
	if (!strncmp(line, "SF:", 3)) {
		r->file = coverage_file(r->to, line + 3);
		return r->file ? 0 : -ENOMEM;
	}
	if (!strcmp(line, "end_of_record")) {
		r->file = NULL;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		size_t len = strlen(keys[i].key);
		if (strncmp(line, keys[i].key, len) != 0)
			continue;
		return r->file ? keys[i].read(r, line + len, err) : fail_line(r, "it belongs to no file (SF)", err);
	}
	return 0; /* branches, sums, the test's name */
}

int coverage_read_lcov(const char *text, size_t len, struct coverage_lines *ret, struct err **err)
{
	_cleanup_free_ char *copy = strndup(text, len);
	struct reader r = { .to = ret };
	char *save = NULL;
	int result = copy ? 0 : -ENOMEM;
	for (char *line = copy ? strtok_r(copy, "\n", &save) : NULL; line && result == 0;
	     line = strtok_r(NULL, "\n", &save)) {
		r.line++;
		result = read_record(&r, line, err);
	}
	return result;
}

static void put_file(const struct covered_file *f, struct buf *out)
{
	struct coverage_total t = covered_file_total(f);
	buf_appendf(out, "TN:\nSF:%s\n", f->path);
	for (size_t i = 0; i < f->functions; i++)
		buf_appendf(out, "FN:%u,%s\n", f->function[i].line, f->function[i].name);
	for (size_t i = 0; i < f->functions; i++)
		buf_appendf(out, "FNDA:%lu,%s\n", f->function[i].count, f->function[i].name);
	buf_appendf(out, "FNF:%zu\nFNH:%zu\n", t.functions, t.functions_hit);
	for (size_t i = 0; i < f->lines; i++)
		buf_appendf(out, "DA:%u,%lu\n", f->line[i].number, f->line[i].count);
	buf_appendf(out, "LF:%zu\nLH:%zu\nend_of_record\n", t.lines, t.lines_hit);
}

void coverage_put_lcov(const struct coverage_lines *c, struct buf *out)
{
	for (size_t i = 0; i < c->files; i++)
		put_file(&c->file[i], out);
}
