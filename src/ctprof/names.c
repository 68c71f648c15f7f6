/* SPDX-License-Identifier: GPL-2.0-only */
/* names.c -- see names.h. */
#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

#include "ctprof/names.h"

#define HEX_WORD_MIN 6

/* The length of the word at @s, if it is an identifier in hexadecimal. */
static size_t hex_word(const char *s)
{
	size_t len = 0, digits = 0;
	for (; isxdigit((unsigned char)s[len]); len++)
		digits += (size_t)(isdigit((unsigned char)s[len]) != 0);
	return len >= HEX_WORD_MIN && digits && digits < len && !isalnum((unsigned char)s[len]) ? len : 0;
}

char *name_pattern(const char *name)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	bool inside = false; /* the last byte was a letter or a digit */
	buf_puts(&out, "");
	while (*name) {
		size_t len = inside ? 0 : hex_word(name), digits = strspn(name, "0123456789");
		if (len) {
			buf_puts(&out, "{H}");
		} else if (digits) {
			buf_puts(&out, "{N}");
			len = digits;
		} else {
			len = 1;
			buf_append(&out, name, len);
		}
		name += len;
		inside = isalnum((unsigned char)name[-1]);
	}
	return buf_steal(&out);
}

/* The length of the beginning of @path that has as many parts as @glob; 0: it has fewer. */
static size_t same_depth(const char *path, const char *glob)
{
	size_t slashes = 0, len = 0;
	for (; *glob; glob++)
		slashes += *glob == '/';
	for (; path[len]; len++)
		if (path[len] == '/' && !slashes--)
			break;
	return path[len] == '/' || !slashes ? len : 0;
}

char *cgroup_flatten(const char *path, const char *const *globs)
{
	for (; globs && *globs; globs++) {
		size_t len = same_depth(path, *globs);
		char *start = strndup(path, len), *flat = NULL;
		if (!start)
			return NULL;
		bool matches = len && !fnmatch(*globs, start, FNM_PATHNAME);
		free(start);
		if (matches)
			return asprintf(&flat, "%s%s", *globs, path + len) < 0 ? NULL : flat;
	}
	return strdup(path);
}
