/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * json_numbers.c -- see json_numbers.h. The region is checked as a whole before its numbers are passed to the caller.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/json_numbers.h"

#define CANDIDATES_MAX 64 /* opening brackets that are tried; "[INFO]" is not JSON */
#define NUMBER_MAX     64 /* characters */

/* --- the region --------------------------------------------------------------------------------------------------- */

/* Returns the position after the string that begins at @at, or @end. */
static const char *skip_string(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		if (*at == '\\')
			at++;
	return at < end ? at + 1 : end;
}

/*
 * Returns the position after the bracket that closes the one at @at, or NULL. It does not tell the two kinds of
 * brackets apart; the parser does.
 */
static const char *skip_balanced(const char *at, const char *end)
{
	size_t depth = 0;
	while (at < end) {
		if (*at == '"') {
			at = skip_string(at, end);
			continue;
		}
		depth += *at == '{' || *at == '[';
		depth -= *at == '}' || *at == ']';
		at++;
		if (!depth)
			return at;
	}
	return NULL;
}

/* --- the parser --------------------------------------------------------------------------------------------------- */

struct level {
	bool array;
	unsigned index;
	uint64_t position; /* of its bracket in the text */
	size_t path_len;   /* of the path to this level */
};

struct walk {
	const char *at, *end;
	struct level level[LEAF_DEPTH_MAX];
	unsigned depth;
	char path[LEAF_PATH_MAX];
	size_t path_len; /* more than LEAF_PATH_MAX - 1: too long; the rest is not stored */
	leaf_fn *fn;	 /* NULL: only check */
	void *arg;
	const char *text;
	struct buf *keys; /* hashes of all keys, each with its object; NULL: do not collect them */
	int found;
	bool truncated;
};

static void skip_space(struct walk *w)
{
	while (w->at < w->end && strchr(" \t\r\n", *w->at) && *w->at)
		w->at++;
}

static void put_path(struct walk *w, char c)
{
	if (w->path_len < LEAF_PATH_MAX - 1)
		w->path[w->path_len] = c;
	w->path_len++;
}

static void put_dot(struct walk *w)
{
	if (w->path_len)
		put_path(w, '.');
}

static void put_index(struct walk *w, unsigned n)
{
	char digits[12];
	size_t count = 0;
	put_dot(w);
	do
		digits[count++] = (char)('0' + n % 10);
	while (n /= 10);
	while (count)
		put_path(w, digits[--count]);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Reads a string and, if @key, appends it to the path. "\uXXXX" is not decoded: the path is only a name. */
static int take_string(struct walk *w, bool key)
{
	for (w->at++; w->at < w->end; w->at++) {
		unsigned char c = (unsigned char)*w->at;
		if (c == '"') {
			w->at++;
			return 0;
		}
		if (c < 0x20)
			return -EBADMSG;
		if (c == '\\') {
			if (++w->at == w->end || !*w->at || !strchr("\"\\/bfnrtu", *w->at))
				return -EBADMSG;
			for (int i = 1; *w->at == 'u' && i <= 4; i++)
				if (w->end - w->at <= i || !is_hex(w->at[i]))
					return -EBADMSG;
			if (key && !strchr("\"\\/", *w->at))
				put_path(w, '\\');
		}
		if (key)
			put_path(w, *w->at);
	}
	return -EBADMSG;
}

static int take_digits(struct walk *w)
{
	const char *first = w->at;
	while (w->at < w->end && is_digit(*w->at))
		w->at++;
	return w->at > first ? 0 : -EBADMSG;
}

static void report_number(struct walk *w, const char *number, size_t len)
{
	char text[NUMBER_MAX];
	if (!w->fn)
		return;
	if (len >= sizeof(text) || w->path_len >= LEAF_PATH_MAX) {
		w->truncated = true;
		return;
	}
	memcpy(text, number, len);
	text[len] = '\0';
	w->path[w->path_len] = '\0';
	double value = strtod(text, NULL);
	if (!isfinite(value)) {
		w->truncated = true;
	} else if (w->fn(w->arg, w->path, value)) {
		w->found++;
	} else {
		w->truncated = true;
		w->fn = NULL;
	}
}

static int take_number(struct walk *w)
{
	const char *first = w->at;
	if (*w->at == '-')
		w->at++;
	bool zero = w->at < w->end && *w->at == '0';
	const char *digits = w->at;
	if (take_digits(w) < 0 || (zero && w->at - digits > 1))
		return -EBADMSG;
	if (w->at < w->end && *w->at == '.') {
		w->at++;
		if (take_digits(w) < 0)
			return -EBADMSG;
	}
	if (w->at < w->end && (*w->at == 'e' || *w->at == 'E')) {
		w->at++;
		if (w->at < w->end && (*w->at == '+' || *w->at == '-'))
			w->at++;
		if (take_digits(w) < 0)
			return -EBADMSG;
	}
	report_number(w, first, (size_t)(w->at - first));
	return 0;
}

static int take_word(struct walk *w)
{
	static const char *const words[] = { "true", "false", "null" };
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i]);
		if ((size_t)(w->end - w->at) >= len && !memcmp(w->at, words[i], len)) {
			w->at += len;
			return 0;
		}
	}
	return -EBADMSG;
}

static void collect_key(struct walk *w, const char *key, size_t len)
{
	struct siphash s;
	if (!w->keys)
		return;
	siphash_init(&s);
	siphash_update(&s, &w->level[w->depth - 1].position, sizeof(w->level[0].position));
	siphash_update(&s, key, len);
	uint64_t hash = siphash_final(&s);
	buf_append(w->keys, &hash, sizeof(hash));
}

/* Reads the key of the next member, or counts its array position. @first: it is the first member of its level. */
static int take_name(struct walk *w, bool first)
{
	struct level *l = &w->level[w->depth - 1];
	w->path_len = l->path_len;
	if (l->array) {
		l->index += !first;
		put_index(w, l->index);
		return 0;
	}
	skip_space(w);
	if (w->at == w->end || *w->at != '"')
		return -EBADMSG;
	put_dot(w);
	const char *key = w->at;
	if (take_string(w, true) < 0)
		return -EBADMSG;
	collect_key(w, key, (size_t)(w->at - key));
	skip_space(w);
	if (w->at == w->end || *w->at != ':')
		return -EBADMSG;
	w->at++;
	return 0;
}

/*
 * Reads an opening bracket: goes down one level, or skips the container if it is too deep. Returns 0 if it has ended.
 */
static int open_level(struct walk *w)
{
	if (w->depth == LEAF_DEPTH_MAX) {
		w->truncated = true;
		w->at = skip_balanced(w->at, w->end);
		return w->at ? 0 : -EBADMSG;
	}
	bool array = *w->at == '[';
	w->level[w->depth++] = (struct level){
		.array = array,
		.position = (uint64_t)(w->at - w->text),
		.path_len = w->path_len,
	};
	w->at++;
	skip_space(w);
	if (w->at < w->end && *w->at == (array ? ']' : '}')) {
		w->depth--;
		w->at++;
		return 0;
	}
	return take_name(w, true) < 0 ? -EBADMSG : 1;
}

/* After a value: closes levels until another member follows (returns 1) or everything is read (returns 0). */
static int next_member(struct walk *w)
{
	while (w->depth) {
		bool array = w->level[w->depth - 1].array;
		skip_space(w);
		if (w->at == w->end)
			return -EBADMSG;
		char c = *w->at++;
		if (c == ',')
			return take_name(w, false) < 0 ? -EBADMSG : 1;
		if (c != (array ? ']' : '}'))
			return -EBADMSG;
		w->depth--;
	}
	return 0;
}

static int take_value(struct walk *w)
{
	if (*w->at == '"')
		return take_string(w, false);
	if (*w->at == '-' || is_digit(*w->at))
		return take_number(w);
	return take_word(w);
}

static int walk(struct walk *w)
{
	for (;;) {
		skip_space(w);
		if (w->at == w->end)
			return -EBADMSG;
		bool container = *w->at == '{' || *w->at == '[';
		int r = container ? open_level(w) : take_value(w);
		if (r < 0)
			return r;
		if (r == 0)
			r = next_member(w);
		if (r <= 0)
			return r;
	}
}

static int walk_region(struct walk *w)
{
	w->text = w->at;
	int r = walk(w);
	skip_space(w);
	return r < 0 || w->at != w->end ? -EBADMSG : 0;
}

static int compare_hashes(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

/* Returns 0, -EBADMSG if the region is not valid JSON, or -ENOTUNIQ if an object in it has the same key twice. */
static int check_region(const char *at, const char *end)
{
	_cleanup_buf_ struct buf keys = BUF_NULL;
	struct walk w = { .at = at, .end = end, .keys = &keys };
	int r = walk_region(&w);
	if (r < 0 || keys.failed)
		return r < 0 ? r : -ENOMEM;
	uint64_t *hash = (uint64_t *)keys.data;
	size_t count = keys.len / sizeof(*hash);
	if (count)
		qsort(hash, count, sizeof(*hash), compare_hashes);
	for (size_t i = 1; i < count; i++)
		if (hash[i] == hash[i - 1])
			return -ENOTUNIQ;
	return 0;
}

static int report_region(const char *at, const char *end, leaf_fn *fn, void *arg, bool *truncated)
{
	struct walk w = { .at = at, .end = end, .fn = fn, .arg = arg };
	int r = walk_region(&w);
	*truncated = w.truncated;
	return r < 0 ? r : w.found;
}

int json_numbers(const char *text, size_t len, leaf_fn *fn, void *arg, bool *truncated)
{
	const char *end = text + len, *behind;
	int seen = -ENOENT;
	*truncated = false;
	for (unsigned tried = 0; tried < CANDIDATES_MAX && text < end; tried++) {
		while (text < end && *text != '{' && *text != '[')
			text++;
		if (text == end)
			break;
		behind = skip_balanced(text, end);
		int r = behind ? check_region(text, behind) : -EBADMSG;
		if (r == 0)
			return report_region(text, behind, fn, arg, truncated);
		if (r != -EBADMSG)
			return r;
		seen = -EBADMSG;
		text = behind ? behind : text + 1;
	}
	return seen;
}
