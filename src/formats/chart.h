/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * chart.h -- the charts of one result as <figure> elements with SVG. A chart without data is left out. Colours are
 * classes of the page's style sheet. Each chart says in words what it shows, for readers who do not see it.
 */
#ifndef KTSTR_FORMATS_CHART_H
#define KTSTR_FORMATS_CHART_H

#include "formats/model.h"

/* Iterations a second between the steps of the test, and the number of workers. */
void chart_timeline(const struct report_result *t, struct buf *out);
/* Waits of each control group on a logarithmic scale, and the limits of the test. */
void chart_waits(const struct report_result *t, struct buf *out);
/* The share of time that workers of each control group were not on a CPU. */
void chart_off_cpu(const struct report_result *t, struct buf *out);
/* One measurement of all @count results of a test; @t is one of them. */
void chart_others(const struct report_result *t, const struct report_result *all, size_t count, struct buf *out);

#endif
