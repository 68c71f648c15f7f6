/* SPDX-License-Identifier: GPL-2.0-only */
/* csv.h -- cells of comma-separated values (RFC 4180). */
#ifndef KTSTR_STATS_CSV_H
#define KTSTR_STATS_CSV_H

#include <string.h>

#include "base/buf.h"

/* Appends one cell, behind a comma unless it is the @first of its line. NULL: an empty cell. */
static inline void csv_put(struct buf *out, const char *text, bool first)
{
	bool quoted = text && strpbrk(text, ",\"\n\r");
	buf_puts(out, first ? "" : ",");
	buf_puts(out, quoted ? "\"" : "");
	for (const char *p = text; p && *p; p++)
		buf_appendf(out, "%s%c", *p == '"' ? "\"" : "", *p);
	buf_puts(out, quoted ? "\"" : "");
}

#endif
