/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * text.h -- text from outside, made safe to show and to keep.
 *
 * Guests, logs, archives, file names and the environment can hold any bytes. All of them pass through here on their
 * way to a terminal, a report or a JSON file. What comes out is valid UTF-8 (RFC 3629) without control characters: a
 * byte that belongs to no valid sequence becomes U+FFFD, a control character (C0, DEL, C1, or one that changes the
 * direction of text) becomes '?'. Newline and tab stay, carriage return is dropped.
 */
#ifndef KTSTR_BASE_TEXT_H
#define KTSTR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Appends @len bytes of @s. */
void text_append(struct buf *out, const char *s, size_t len);
/* Same for a name or another text of one line: newline and tab become '?' as well. */
void text_append_line(struct buf *out, const char *s, size_t len);

/*
 * text_append() of a text that comes in pieces, which may end inside a character. What stands for the unfinished
 * character is taken back when the next piece comes; nobody else appends to @out in between.
 */
struct text_stream {
	char tail[3];
	size_t tail_len;
};
void text_append_stream(struct buf *out, struct text_stream *stream, const char *s, size_t len);

/* text_append() and text_append_line() of a whole string; the caller frees. NULL: out of memory. */
char *text_clean(const char *s);
char *text_clean_line(const char *s);

/*
 * Like text_append_line() into an array of @size bytes (at least 1), always terminated. Text that does not fit is cut
 * between two characters. Returns the length.
 */
size_t text_copy_line(char *out, size_t size, const char *s, size_t len);

/* Cuts a clean string to at most @max bytes, between two characters. Returns the new length. */
size_t text_cut(char *s, size_t max);

/* text_copy_line() of the array's own content: a fixed field of a record, terminated or not. */
void text_clean_field(char *field, size_t size);

/* Columns of a terminal that a clean line takes. */
unsigned text_columns(const char *s);
/*
 * Appends a clean line, cut between two characters to at most @columns of a terminal, and padded with spaces to them
 * when @pad. text_append_short() always pads, and shows by an ellipsis that something was cut.
 */
void text_append_columns(struct buf *out, const char *s, unsigned columns, bool pad);
void text_append_short(struct buf *out, const char *s, unsigned columns);
/* Appends a clean line as lines of at most @columns (0: one line), broken at spaces, each behind @indent spaces. */
void text_append_wrapped(struct buf *out, const char *s, unsigned columns, unsigned indent);

/* "s" of a plural: "1 test", "2 tests". */
static inline const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

/* Would text_append() leave it as it is? With @line: text_append_line()? */
bool text_is_clean(const char *s, size_t len, bool line);

/* Appends @len bytes of @s as the inside of a JSON string; bytes that are not UTF-8 become U+FFFD. */
void text_append_json(struct buf *out, const char *s, size_t len);

#endif
