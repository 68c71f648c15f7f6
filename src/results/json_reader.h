/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json_reader.h -- reads JSON text from front to back without building a tree: for a hundred thousand sidecars.
 *
 * The reader never allocates, never recurses, and reads each byte once. Errors stick: after the first one, every
 * function returns false and changes nothing, so that a caller checks once at the end.
 *
 *	if (json_reader_enter(&r, '{'))
 *		while (json_reader_key(&r, &key)) {
 *			if (json_view_is(&key, "name"))
 *				json_reader_text(&r, &name);
 *			else
 *				json_reader_skip(&r);
 *		}
 */
#ifndef KTSTR_RESULTS_JSON_READER_H
#define KTSTR_RESULTS_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_DEPTH_MAX 64 /* bits of json_reader.objects */

/* The inside of a string, as it is written: escapes are not resolved. */
struct json_view {
	const char *text;
	size_t len;
	bool escaped; /* it has escapes */
};

struct json_reader {
	const char *begin, *at, *end;
	const char *error; /* a constant string; NULL: none */
	unsigned depth;
	bool first;	  /* the next key or item is the first of its object or array */
	uint64_t objects; /* a bit for each depth, the lowest is that of the innermost: an object; 0: an array */
};

void json_reader_init(struct json_reader *r, const char *text, size_t len);
/* Where the error is: a line and a column from 1. */
void json_reader_where(const struct json_reader *r, unsigned *line, unsigned *column);

/*
 * The first character of the next value ('{', '[', '"', 't', 'f', 'n', a digit or '-'); 0 at the end or after an
 * error.
 */
char json_reader_peek(struct json_reader *r);
/* Begins an object ('{') or an array ('['). False if the value is of another kind, which is then skipped. */
bool json_reader_enter(struct json_reader *r, char kind);
/* Goes to the next member of the object, or item of the array. False at its end, which it leaves. */
bool json_reader_key(struct json_reader *r, struct json_view *key);
bool json_reader_item(struct json_reader *r);

/* Read one value. False if the value is of another kind, which is then skipped. */
bool json_reader_text(struct json_reader *r, struct json_view *ret);
bool json_reader_number(struct json_reader *r, double *ret);
bool json_reader_bool(struct json_reader *r, bool *ret);
/* Skips a value of any kind, and checks that it is JSON. */
void json_reader_skip(struct json_reader *r);
/* The same, but of objects and arrays only brackets and strings are checked, which takes a fifth of the time. */
void json_reader_pass(struct json_reader *r);
/* Is all of the text read, without an error? */
bool json_reader_end(struct json_reader *r);

static inline bool json_view_is(const struct json_view *v, const char *text)
{
	return strlen(text) == v->len && (!v->len || !memcmp(v->text, text, v->len));
}
/*
 * Writes the string with its escapes resolved and a NUL, cut to @size bytes. An escaped NUL becomes '?'. The result is
 * not clean.
 */
size_t json_view_copy(const struct json_view *v, char *out, size_t size);

#endif
