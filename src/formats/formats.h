/* SPDX-License-Identifier: GPL-2.0-only */
/* formats.h -- the formats in which results are written. A format is one row of a table. */
#ifndef KTSTR_FORMATS_FORMATS_H
#define KTSTR_FORMATS_FORMATS_H

#include "formats/model.h"

struct report_format {
	const char *name; /* as in --report NAME=FILE */
	/* Appends the whole file. @r is sorted. Failed allocations mark @out. */
	void (*write)(const struct report_results *r, struct buf *out);
	bool appends; /* to a file that others write to, too */
};

extern const struct report_format report_formats[]; /* ended by a NULL name */
/* One report that is asked for: NAME=FILE. */
struct report_order {
	const struct report_format *format;
	const char *file; /* "-": standard output */
};

#define REPORT_ORDERS_MAX 16

/* Parses "junit=FILE". @text is kept. A format without a file goes to standard output. */
int report_order_parse(const char *text, struct report_order *ret, struct err **err);
/*
 * Could its file be written? Its directory may still be missing. ERR_OUTPUT: no; it is better said before tests run.
 */
int report_order_check(const struct report_order *o, struct err **err);
/* Would the second report replace the first? ERR_USAGE: yes. Standard output and devices take both. */
int report_orders_differ(const struct report_order *a, const struct report_order *b, struct err **err);
/* Writes a report to its file. For "-" and for formats that print, appends it to @printed instead. */
int report_write(const struct report_order *o, const struct report_results *r, struct buf *printed, struct err **err);

/* The formats. Bytes and counts that readers limit are in the .c files. */
void junit_write(const struct report_results *r, struct buf *out); /* JUnit XML as nextest writes it */
void ktap_write(const struct report_results *r, struct buf *out);  /* KTAP version 1 */
void tap_write(const struct report_results *r, struct buf *out);   /* TAP version 14 */
/* The event "run-finished" of ndjson. */
json_t *results_sum_json(const struct report_results *r);
void ndjson_write(const struct report_results *r, struct buf *out);	    /* the lines of `ktstr test --json` */
void github_write(const struct report_results *r, struct buf *out);	    /* workflow commands: annotations */
void github_summary_write(const struct report_results *r, struct buf *out); /* Markdown for a step's summary */
void html_write(const struct report_results *r, struct buf *out);	    /* one file */

#endif
