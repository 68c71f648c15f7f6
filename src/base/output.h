/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * output.h -- a descriptor that people or programs read from: standard output, standard error.
 *
 * Nothing is held back: each call writes at once, so that lines of standard output and of standard error appear in the
 * order in which they were made. Like struct buf, writing reports no failure call by call: the first write that fails
 * marks the output, what comes later is counted as lost, and the owner asks once at the end.
 */
#ifndef KTSTR_BASE_OUTPUT_H
#define KTSTR_BASE_OUTPUT_H

#include "base/buf.h"
#include "base/err.h"

struct output {
	int fd;
	const char *name; /* "standard output" */
	int error;	  /* negative errno of the first write that failed; 0: none */
	uint64_t lost_bytes, lost_lines;
};

void output_write(struct output *o, const void *data, size_t len);
/* A buffer that failed for want of memory is lost output too. */
void output_buf(struct output *o, const struct buf *text);
void output_printf(struct output *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
void output_vprintf(struct output *o, const char *fmt, va_list ap);

/*
 * Asks the file system too, which may find out late that it has no room. -EIO with EXIT_NO_OUTPUT where anything was
 * lost; the error says what (@what: "the results"), how much, and why.
 */
int output_end(struct output *o, const char *what, struct err **err);

#endif
