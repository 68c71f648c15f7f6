/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * text.h -- makes text from outside safe to show and to store.
 *
 * Guests, logs, archives, file names and the environment can have any bytes. Their text is cleaned here before it goes
 * to a terminal, a report or a JSON file. The result is valid UTF-8 (RFC 3629) without control characters: a byte that
 * is not part of a valid sequence becomes U+FFFD; a control character (C0, DEL, C1, or one that changes the direction
 * of text) becomes '?'. Newline and tab stay; carriage return is removed.
 */
#ifndef KTSTR_BASE_TEXT_H
#define KTSTR_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Appends @len bytes of @s, cleaned. */
void text_append(struct buf *out, const char *s, size_t len);
/* The same for a name or another text of one line: newline, tab and carriage return become '?', too. */
void text_append_line(struct buf *out, const char *s, size_t len);

/*
 * text_append() for text that arrives in pieces. A piece may end inside a character: the replacement of the unfinished
 * character is removed when the next piece arrives, so nothing else may be appended to @out in between.
 */
struct text_stream {
	char tail[3];
	size_t tail_len;
};
void text_append_stream(struct buf *out, struct text_stream *stream, const char *s, size_t len);

/* Clean copies of a whole string, as by text_append() and text_append_line(); the caller frees. NULL: out of memory. */
char *text_clean(const char *s);
char *text_clean_line(const char *s);

/*
 * Like text_append_line(), into an array of @size bytes (at least 1). The result always has a NUL. Text that does not
 * fit is cut between two characters. Returns the length.
 */
size_t text_copy_line(char *out, size_t size, const char *s, size_t len);

/* Cuts a clean string to at most @max bytes, between two characters. Returns the new length. */
size_t text_cut(char *s, size_t max);

/* Cleans the content of an array in place, as text_copy_line(). The content may lack a NUL. */
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

/* True if text_append() (with @line: text_append_line()) would not change the text. */
bool text_is_clean(const char *s, size_t len, bool line);

/* Appends @len bytes of @s as the inside of a JSON string; bytes that are not UTF-8 become U+FFFD. */
void text_append_json(struct buf *out, const char *s, size_t len);

/*
 * Appends @word as one word for a shell: unchanged if it needs no quotes, as $'...' if it has bytes that are not
 * printable, else in single quotes.
 */
void text_append_quoted(struct buf *out, const char *word);

#endif
