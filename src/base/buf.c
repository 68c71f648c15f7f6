/* SPDX-License-Identifier: GPL-2.0-only */
/* buf.c -- see buf.h. */
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
	/* Most texts fit into the free space; the others are formatted twice. */
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
