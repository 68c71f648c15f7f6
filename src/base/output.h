/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * output.h -- standard output and standard error, without buffering and without silent loss.
 *
 * Each call writes at once, so lines of standard output and of standard error appear in the order in which they were
 * made. Like appends to struct buf, writes return no errors: the first failed write marks the output, later text is
 * counted as lost, and the owner checks once at the end.
 */
#ifndef KTSTR_BASE_OUTPUT_H
#define KTSTR_BASE_OUTPUT_H

#include "base/buf.h"
#include "base/err.h"

struct output {
	int fd;
	const char *name; /* "standard output" */
	int error;	  /* negative errno of the first failed write, or 0 */
	uint64_t lost_bytes, lost_lines;
};

void output_write(struct output *o, const void *data, size_t len);
/* Writes a buffer. If it is marked failed, the output has lost text. */
void output_buf(struct output *o, const struct buf *text);
void output_printf(struct output *o, const char *fmt, ...) PRINTF_LIKE(2, 3);
void output_vprintf(struct output *o, const char *fmt, va_list ap);

/*
 * Call at the end. Also checks for late errors of the file system. -EIO with ERR_OUTPUT: output was lost; the error
 * says which (@what: "the results"), how much, and why.
 */
int output_end(struct output *o, const char *what, struct err **err);

#endif
