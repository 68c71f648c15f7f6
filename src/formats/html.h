/* SPDX-License-Identifier: GPL-2.0-only */
/* html.h -- parts of the HTML report, shared by its files. */
#ifndef KTSTR_FORMATS_HTML_H
#define KTSTR_FORMATS_HTML_H

#include "formats/model.h"

/*
 * html.c: the begin of a page up to <body>, with the style sheet. @script: the page has the script of reports at its
 * end; otherwise no script can run in it. @title is clean.
 */
void html_begin(struct buf *out, const char *title, bool script);

/* html_overview.c: counts, where the results are, the matrix, and the table of all results. */
void html_overview(const struct report_results *r, const size_t *order, struct buf *out);
/* html_page.c: the pages of all results that have one, in the given order. */
void html_pages(const struct report_results *r, const size_t *order, struct buf *out);

/* html_parts.c: a badge with the outcome in words. */
void html_badge(struct buf *out, enum test_outcome outcome);
/* A name, escaped, that the browser may break after "/" and "_". */
void html_name(struct buf *out, const char *name);
/* <TAG>escaped text</TAG> */
void html_element(struct buf *out, const char *tag, const char *text);

#endif
