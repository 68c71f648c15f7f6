/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * buf.h -- a growing byte buffer. A NUL follows its content and is not part of the length.
 *
 * Append functions return no errors. If an allocation fails or the buffer would exceed BUF_BYTES_MAX, the buffer is
 * marked `failed` and later appends do nothing. The owner checks `failed` once at the end.
 */
#ifndef KTSTR_BASE_BUF_H
#define KTSTR_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define BUF_BYTES_MAX ((size_t)1 << 30)

struct buf {
	char *data; /* NULL until the first append */
	size_t len, cap;
	bool failed;
};

#define BUF_NULL      ((struct buf){ 0 })
#define _cleanup_buf_ _cleanup_(buf_done)

void buf_done(struct buf *b);
void buf_append(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_appendf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vappendf(struct buf *b, const char *fmt, va_list ap);
void buf_zeros(struct buf *b, size_t len);
void buf_align(struct buf *b, size_t to);

/* Drops the first @len bytes. */
void buf_consume(struct buf *b, size_t len);
void buf_clear(struct buf *b);

/* The content as a string that the caller frees, or NULL when an append failed; the buffer is empty afterwards. */
char *buf_steal(struct buf *b);

static inline const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

#endif
