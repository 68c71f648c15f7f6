/* SPDX-License-Identifier: GPL-2.0-only */
/* filter_explain.h -- says why a selection of results is empty: which option no result matches, and what there is. */
#ifndef KTSTR_STATS_FILTER_EXPLAIN_H
#define KTSTR_STATS_FILTER_EXPLAIN_H

#include "stats/filter.h"
#include "stats/results.h"

/* The options that made a filter, as the user writes them ("--a-kernel"). NULL: none, or none worth a word. */
struct filter_options {
	const char *of[DIMENSION_MAX], *part;
};

/* Appends a clause without an end, such as "--a-kernel 9.9 matches none; there are 6.12.1 and 7.3.4". */
void filter_explain(const struct results *r, const struct filter *f, const struct filter_options *o, struct buf *out);

#endif
