/* SPDX-License-Identifier: GPL-2.0-only */
/* buf.c -- see buf.h. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

void buf_done(struct buf *b)
{
	free(b->data);
	*b = BUF_NULL;
}

static bool buf_reserve(struct buf *b, size_t more)
{
	if (b->failed || more > BUF_BYTES_MAX - b->len - 1) {
		b->failed = true;
		return false;
	}
	size_t need = b->len + more + 1;
	if (need <= b->cap)
		return true;
	size_t cap = b->cap ? b->cap : 64;
	while (cap < need)
		cap *= 2;
	char *data = realloc(b->data, cap);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void buf_append(struct buf *b, const void *data, size_t len)
{
	if (!buf_reserve(b, len))
		return;
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_vappendf(struct buf *b, const char *fmt, va_list ap)
{
	/* Most texts fit where there is room already; only those that do not are written twice. */
	size_t room = b->data && !b->failed ? b->cap - b->len : 0;
	va_list again;
	va_copy(again, ap);
	int len = vsnprintf(room ? b->data + b->len : NULL, room, fmt, again);
	va_end(again);
	if (len >= 0 && (size_t)len < room) {
		b->len += (size_t)len;
		return;
	}
	if (room)
		b->data[b->len] = '\0';
	if (len < 0 || !buf_reserve(b, (size_t)len)) {
		b->failed = true;
		return;
	}
	vsnprintf(b->data + b->len, (size_t)len + 1, fmt, ap);
	b->len += (size_t)len;
}

void buf_appendf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vappendf(b, fmt, ap);
	va_end(ap);
}

void buf_zeros(struct buf *b, size_t len)
{
	if (!buf_reserve(b, len))
		return;
	memset(b->data + b->len, 0, len + 1);
	b->len += len;
}

void buf_align(struct buf *b, size_t to)
{
	size_t over = b->len % to;
	if (over)
		buf_zeros(b, to - over);
}

void buf_consume(struct buf *b, size_t len)
{
	if (len >= b->len) {
		buf_clear(b);
		return;
	}
	memmove(b->data, b->data + len, b->len - len + 1);
	b->len -= len;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

char *buf_steal(struct buf *b)
{
	if (!b->data && !b->failed)
		buf_append(b, "", 0);
	char *data = b->failed ? NULL : TAKE_PTR(b->data);
	buf_done(b);
	return data;
}

/* Length of the well-formed UTF-8 sequence at @s, 0 when there is none (RFC 3629: shortest form, no surrogates). */
static size_t utf8_len(const unsigned char *s, size_t len)
{
	static const struct {
		unsigned char mask, lead, extra;
		uint32_t least;
	} forms[] = { { 0xe0, 0xc0, 1, 0x80 }, { 0xf0, 0xe0, 2, 0x800 }, { 0xf8, 0xf0, 3, 0x10000 } };

	if (s[0] < 0x80)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if ((s[0] & forms[i].mask) != forms[i].lead || len <= forms[i].extra)
			continue;
		uint32_t cp = s[0] & (unsigned char)~forms[i].mask;
		for (size_t k = 1; k <= forms[i].extra; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
			cp = cp << 6 | (s[k] & 0x3f);
		}
		bool bad = cp < forms[i].least || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000);
		return bad ? 0 : forms[i].extra + 1u;
	}
	return 0;
}

/* Bytes from @s on that stand for themselves in a JSON string. */
static size_t json_plain(const char *s, size_t len)
{
	size_t n = 0;
	while (n < len && s[n] >= 0x20 && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

void buf_json_escape(struct buf *b, const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t plain = json_plain(s + i, len - i);
		buf_append(b, s + i, plain);
		i += plain;
		if (i == len)
			break;
		unsigned char c = (unsigned char)s[i];
		size_t n = utf8_len((const unsigned char *)s + i, len - i);
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

void buf_append_printable(struct buf *b, const char *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)s[i];
		size_t n = utf8_len((const unsigned char *)s + i, len - i);
		if (c == '\r') {
			i++;
			continue;
		}
		bool plain = n && c != 0x7f && (c >= 0x20 || c == '\n' || c == '\t');
		buf_append(b, plain ? s + i : "?", plain ? n : 1);
		i += n ? n : 1;
	}
}

void buf_put_quoted(struct buf *b, const char *word)
{
	bool plain = *word != '\0';
	for (const char *p = word; *p; p++)
		plain = plain && (isalnum((unsigned char)*p) || strchr("._+=/:-", *p));
	if (plain) {
		buf_puts(b, word);
		return;
	}
	buf_puts(b, "'");
	for (const char *p = word; *p; p++)
		buf_appendf(b, *p == '\'' ? "'\\''" : "%c", *p);
	buf_puts(b, "'");
}
