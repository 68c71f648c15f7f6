/* SPDX-License-Identifier: GPL-2.0-only */
/* text.c -- see text.h. */
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "base/text.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

struct character {
	size_t len; /* bytes; 0: no valid sequence begins here */
	uint32_t code;
};

/* Reads the UTF-8 sequence at @s (RFC 3629: shortest form, no surrogates). @len is at least 1. */
static struct character read_character(const unsigned char *s, size_t len)
{
	static const struct {
		unsigned char mask, lead, extra;
		uint32_t least;
	} forms[] = { { 0xe0, 0xc0, 1, 0x80 }, { 0xf0, 0xe0, 2, 0x800 }, { 0xf8, 0xf0, 3, 0x10000 } };

	if (s[0] < 0x80)
		return (struct character){ .len = 1, .code = s[0] };
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if ((s[0] & forms[i].mask) != forms[i].lead || len <= forms[i].extra)
			continue;
		uint32_t code = s[0] & (unsigned char)~forms[i].mask;
		for (size_t k = 1; k <= forms[i].extra; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return (struct character){ 0 };
			code = code << 6 | (s[k] & 0x3f);
		}
		bool bad = code < forms[i].least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000);
		return (struct character){ .len = bad ? 0 : forms[i].extra + 1u, .code = code };
	}
	return (struct character){ 0 };
}

/* C0 and C1 controls, DEL, line separators, and the characters that reorder text (UAX #9). */
static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

/* Returns the clean form of the character at @s, of *@out_len bytes. *@used: length of the character in @s. */
static const char *replacement_of(const char *s, size_t len, bool line, size_t *used, size_t *out_len)
{
	struct character c = read_character((const unsigned char *)s, len);
	*used = c.len ? c.len : 1;
	if (!c.len) {
		*out_len = strlen(REPLACEMENT);
		return REPLACEMENT;
	}
	if (c.code == '\r' && !line) {
		*out_len = 0;
		return "";
	}
	bool kept = !is_control(c.code) || (!line && (c.code == '\n' || c.code == '\t'));
	*out_len = kept ? c.len : 1;
	return kept ? s : "?";
}

static void append_clean(struct buf *out, const char *s, size_t len, bool line)
{
	for (size_t i = 0, used, n; i < len; i += used) {
		const char *shown = replacement_of(s + i, len - i, line, &used, &n);
		buf_append(out, shown, n);
	}
}

void text_append(struct buf *out, const char *s, size_t len)
{
	append_clean(out, s, len, false);
}

void text_append_line(struct buf *out, const char *s, size_t len)
{
	append_clean(out, s, len, true);
}

char *text_clean(const char *s)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	text_append(&out, s, strlen(s));
	return buf_steal(&out);
}

char *text_clean_line(const char *s)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	text_append_line(&out, s, strlen(s));
	return buf_steal(&out);
}

/* Number of bytes at the end of @s that begin a character without completing it. */
static size_t unfinished_bytes(const unsigned char *s, size_t len)
{
	for (size_t k = 1; k <= 3 && k <= len; k++) {
		unsigned char c = s[len - k];
		if ((c & 0xc0) == 0x80)
			continue;
		size_t whole = (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : (c & 0xf8) == 0xf0 ? 4 : 1;
		return whole > k ? k : 0;
	}
	return 0;
}

void text_append_stream(struct buf *out, struct text_stream *stream, const char *s, size_t len)
{
	_cleanup_buf_ struct buf whole = BUF_NULL;
	size_t shown = stream->tail_len * strlen(REPLACEMENT);
	if (!len)
		return;
	if (stream->tail_len && out->len >= shown) {
		out->len -= shown;
		buf_append(&whole, stream->tail, stream->tail_len);
	}
	buf_append(&whole, s, len);
	out->failed |= whole.failed;
	if (whole.failed)
		return;
	stream->tail_len = unfinished_bytes((const unsigned char *)whole.data, whole.len);
	memcpy(stream->tail, whole.data + whole.len - stream->tail_len, stream->tail_len);
	text_append(out, whole.data, whole.len - stream->tail_len);
	for (size_t i = 0; i < stream->tail_len; i++)
		buf_puts(out, REPLACEMENT);
}

size_t text_copy_line(char *out, size_t size, const char *s, size_t len)
{
	size_t at = 0;
	for (size_t i = 0, used, n; i < len; i += used) {
		const char *shown = replacement_of(s + i, len - i, true, &used, &n);
		if (at + n >= size)
			break;
		memcpy(out + at, shown, n);
		at += n;
	}
	out[at] = '\0';
	return at;
}

void text_clean_field(char *field, size_t size)
{
	_cleanup_buf_ struct buf clean = BUF_NULL;
	text_append_line(&clean, field, strnlen(field, size - 1));
	text_copy_line(field, size, buf_str(&clean), clean.len);
}

/*
 * Columns of a terminal that a character takes: Unicode's East Asian wide and full-width characters and emoji two,
 * combining marks none. Where terminals differ, one.
 */
static unsigned columns_of(uint32_t code)
{
	static const struct {
		uint32_t first, last;
		unsigned columns;
	} ranges[] = {
		{ 0x300, 0x36f, 0 },	 { 0x483, 0x489, 0 },	  { 0x591, 0x5bd, 0 },	   { 0x610, 0x61a, 0 },
		{ 0x64b, 0x65f, 0 },	 { 0x1100, 0x115f, 2 },	  { 0x1ab0, 0x1aff, 0 },   { 0x1dc0, 0x1dff, 0 },
		{ 0x200b, 0x200d, 0 },	 { 0x20d0, 0x20ff, 0 },	  { 0x231a, 0x231b, 2 },   { 0x23e9, 0x23ec, 2 },
		{ 0x2705, 0x2705, 2 },	 { 0x274c, 0x274c, 2 },	  { 0x2e80, 0x303e, 2 },   { 0x3041, 0xa4cf, 2 },
		{ 0xa960, 0xa97f, 2 },	 { 0xac00, 0xd7a3, 2 },	  { 0xf900, 0xfaff, 2 },   { 0xfe00, 0xfe0f, 0 },
		{ 0xfe20, 0xfe2f, 0 },	 { 0xfe30, 0xfe6f, 2 },	  { 0xff00, 0xff60, 2 },   { 0xffe0, 0xffe6, 2 },
		{ 0x1f300, 0x1f64f, 2 }, { 0x1f680, 0x1f6ff, 2 }, { 0x1f900, 0x1f9ff, 2 }, { 0x1fa70, 0x1faff, 2 },
		{ 0x20000, 0x3fffd, 2 }, { 0xe0100, 0xe01ef, 0 },
	};
	for (size_t i = 0; code >= ranges[0].first && i < ARRAY_SIZE(ranges); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return ranges[i].columns;
	return 1;
}

/* Bytes of @s, a clean line, that fit into @columns; @used: the columns that they take. */
static size_t fitting(const char *s, unsigned columns, unsigned *used)
{
	size_t i = 0;
	*used = 0;
	for (size_t len = strlen(s); i < len;) {
		struct character c = read_character((const unsigned char *)s + i, len - i);
		unsigned wide = columns_of(c.code);
		if (!c.len || *used + wide > columns)
			break;
		*used += wide;
		i += c.len;
	}
	return i;
}

unsigned text_columns(const char *s)
{
	unsigned used;
	fitting(s, UINT_MAX / 2, &used);
	return used;
}

void text_append_columns(struct buf *out, const char *s, unsigned columns, bool pad)
{
	unsigned used;
	buf_append(out, s, fitting(s, columns, &used));
	if (pad && used < columns)
		buf_appendf(out, "%*s", (int)(columns - used), "");
}

void text_append_short(struct buf *out, const char *s, unsigned columns)
{
	unsigned used;
	if (!columns || text_columns(s) <= columns) {
		text_append_columns(out, s, columns, /* pad= */ true);
		return;
	}
	buf_append(out, s, fitting(s, columns - 1, &used));
	/* A wide character that did not fit leaves a column. */
	buf_appendf(out, "\u2026%*s", (int)(columns - 1 - used), "");
}

void text_append_wrapped(struct buf *out, const char *s, unsigned columns, unsigned indent)
{
	unsigned room = columns > indent + 10 ? columns - indent : 10, used;
	for (bool first = true; *s || first; first = false) {
		size_t len = columns ? fitting(s, room, &used) : strlen(s), at = len;
		while (s[len] && at && s[at] != ' ')
			at--;
		/* A word that is too long is broken; at least a byte of what does not fit at all goes on. */
		len = at ? at : len;
		if (!len && *s)
			len = 1;
		buf_appendf(out, "%*s", (int)indent, "");
		buf_append(out, s, len);
		buf_puts(out, "\n");
		s += len;
		s += strspn(s, " ");
	}
}

size_t text_cut(char *s, size_t max)
{
	size_t len = strnlen(s, max + 1);
	if (len <= max)
		return len;
	while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
		max--;
	s[max] = '\0';
	return max;
}

bool text_is_clean(const char *s, size_t len, bool line)
{
	for (size_t i = 0, used, n; i < len; i += used) {
		used = 1;
		/* Most characters are these. */
		if (s[i] >= ' ' && s[i] <= '~')
			continue;
		if (replacement_of(s + i, len - i, line, &used, &n) != s + i)
			return false;
	}
	return true;
}

/* Number of bytes at the start of @s that need no escape in a JSON string. */
static size_t json_plain(const char *s, size_t len)
{
	size_t n = 0;
	while (n < len && s[n] >= 0x20 && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

void text_append_json(struct buf *b, const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t plain = json_plain(s + i, len - i);
		buf_append(b, s + i, plain);
		i += plain;
		if (i == len)
			break;
		unsigned char c = (unsigned char)s[i];
		size_t n = read_character((const unsigned char *)s + i, len - i).len;
		if (!n)
			buf_puts(b, "\\ufffd");
		else if (c == '"' || c == '\\')
			buf_appendf(b, "\\%c", c);
		else if (c < 0x20)
			buf_appendf(b, "\\u%04x", c);
		else
			buf_append(b, s + i, n);
		i += n ? n : 1;
	}
}

/* The form $'...' can express every byte with printable characters only. */
static void put_escaped(struct buf *out, const char *word)
{
	buf_puts(out, "$'");
	for (const char *p = word; *p; p++) {
		unsigned char c = (unsigned char)*p;
		if (c == '\'' || c == '\\')
			buf_appendf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			buf_appendf(out, "\\%03o", c);
		else
			buf_append(out, p, 1);
	}
	buf_puts(out, "'");
}

void text_append_quoted(struct buf *out, const char *word)
{
	bool plain = *word != '\0';
	for (const char *p = word; *p; p++)
		plain = plain && (isalnum((unsigned char)*p) || strchr("._+=/:-", *p));
	if (plain) {
		buf_puts(out, word);
		return;
	}
	if (!text_is_clean(word, strlen(word), /* line= */ true)) {
		put_escaped(out, word);
		return;
	}
	buf_puts(out, "'");
	for (const char *p = word; *p; p++)
		buf_appendf(out, *p == '\'' ? "'\\''" : "%c", *p);
	buf_puts(out, "'");
}
