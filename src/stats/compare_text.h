/* SPDX-License-Identifier: GPL-2.0-only */
/* compare_text.h -- a comparison for people, for spreadsheets and for programs. */
#ifndef KTSTR_STATS_COMPARE_TEXT_H
#define KTSTR_STATS_COMPARE_TEXT_H

#include "base/json.h"
#include "base/term.h"
#include "stats/compare.h"

struct compare_view {
	const struct pool *pool;
	const struct pairing *pairing;
	const struct comparison *comparison;
	const struct compare_options *options;
	const char *label[SIDE_MAX];
	const json_t *host[SIDE_MAX]; /* NULL: none was captured */
	bool all;		      /* also metrics that did not change */
	bool ratios;		      /* the geometric means, in text; data always has them */
};

/* "6.12", "6.14:scx_simple" ...: the values of a side's filter in the slicing dimensions, or "A" and "B". */
void compare_label(const struct filter *f, const struct pairing *g, enum side side, struct buf *out);
/* The group's test, and the dimensions in which groups differ: "steady [1n1l2c1t]". */
void compare_group_name(const struct compare_view *v, uint32_t group, struct buf *out);

void compare_print_text(const struct compare_view *v, const struct term *t, struct buf *out);
void compare_print_csv(const struct compare_view *v, struct buf *out);
/* One page with the intervals and the distribution of each metric that changed. @verdict: lines, or NULL. */
void compare_print_html(const struct compare_view *v, const char *verdict, struct buf *out);
json_t *compare_json(const struct compare_view *v);

#endif
