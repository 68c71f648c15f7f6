/* SPDX-License-Identifier: GPL-2.0-only */
/* filter.h -- chooses rows by their dimensions. */
#ifndef KTSTR_STATS_FILTER_H
#define KTSTR_STATS_FILTER_H

#include "stats/pool.h"

#define FILTER_VALUES_MAX 256

/* Values of one dimension, of which a row must have one. None: every row has it. */
struct filter_values {
	const char *item[FILTER_VALUES_MAX];
	size_t count;
};

struct filter {
	struct filter_values of[DIMENSION_MAX];
	const char *part; /* of "test topology scheduler work_type"; NULL: any */
};

/* Ignores a value that is there already. False: there are too many. */
bool filter_add(struct filter *f, enum dimension d, const char *value);
/* Do both filters ask for the same values of @d, in any order? */
bool filter_same(const struct filter *a, const struct filter *b, enum dimension d);
/*
 * Does a text that a row has match? A kernel "6.12" stands for its series: 6.12, 6.12.N. Numbers are compared as
 * such.
 */
bool filter_value_matches(enum dimension d, const char *wanted, const char *text);

/* A filter that knows the texts of a pool, so that rows are compared by numbers. */
struct row_filter {
	const struct pool *pool;
	const struct filter *filter;
	uint8_t *accepted[DIMENSION_MAX]; /* by number of the text; NULL: all are */
};

bool row_filter_init(struct row_filter *rf, const struct pool *p, const struct filter *f);
void row_filter_done(struct row_filter *rf);
/* A row without a value does not match a dimension that is asked for. */
bool row_filter_accepts(const struct row_filter *rf, const struct row *row);

/* Is the commit that of a working tree with changes ("abc1234-dirty")? */
bool commit_is_dirty(const char *commit);

#endif
