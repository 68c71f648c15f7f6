/* SPDX-License-Identifier: GPL-2.0-only */
/* gcov.c -- the JSON of gcov(1). Its paths are relative to the directory in which the compiler ran. */
#include <string.h>

#include "base/file.h"
#include "coverage/lines.h"

static int fail_document(const char *what, struct err **err)
{
	return FAIL(err, ERR_DATA, -EBADMSG, "what gcov printed is not understood: %s", what);
}

/* Counts can be negative where a function did not end: gcov derives some of them from others. */
static uint64_t count_of(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));
	return n > 0 ? (uint64_t)n : 0;
}

static int read_lines(const json_t *list, struct covered_file *to, struct err **err)
{
	size_t i;
	json_t *o;
	json_array_foreach(list, i, o) {
		uint64_t number = count_of(o, "line_number");
		if (!number || number > UINT32_MAX)
			return fail_document("a line has no valid 'line_number'", err);
		int r = covered_line_add(to, (uint32_t)number, count_of(o, "count"));
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_functions(const json_t *list, struct covered_file *to, struct err **err)
{
	size_t i;
	json_t *o;
	json_array_foreach(list, i, o) {
		const char *name = json_string_value(json_object_get(o, "demangled_name"));
		uint64_t line = count_of(o, "start_line");
		if (!name || line > UINT32_MAX)
			return fail_document("a function has no valid 'demangled_name' or 'start_line'", err);
		int r = covered_function_add(to, name, (uint32_t)line, count_of(o, "execution_count"));
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_file(const json_t *o, const char *dir, struct coverage_lines *ret, struct err **err)
{
	const char *path = json_string_value(json_object_get(o, "file"));
	if (!path)
		return fail_document("a file has no 'file'", err);
	_cleanup_free_ char *joined = *path == '/' ? strdup(path) : path_join(dir, path);
	_cleanup_free_ char *real = joined ? realpath(joined, NULL) : NULL;
	struct covered_file *file = joined ? coverage_file(ret, real ?: joined) : NULL;
	int r = file ? read_lines(json_object_get(o, "lines"), file, err) : -ENOMEM;
	return r == 0 ? read_functions(json_object_get(o, "functions"), file, err) : r;
}

int coverage_read_gcov(const json_t *document, struct coverage_lines *ret, struct err **err)
{
	const char *dir = json_string_value(json_object_get(document, "current_working_directory"));
	const json_t *files = json_object_get(document, "files");
	size_t i;
	json_t *o;
	if (!dir || !json_is_array(files))
		return fail_document("'current_working_directory' or 'files' is missing", err);
	json_array_foreach(files, i, o) {
		int r = read_file(o, dir, ret, err);
		if (r < 0)
			return r;
	}
	return 0;
}
