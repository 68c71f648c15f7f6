/* SPDX-License-Identifier: GPL-2.0-only */
/* rows_text.h -- rows of profiles as tables for people, and as JSON. */
#ifndef KTSTR_CTPROF_ROWS_TEXT_H
#define KTSTR_CTPROF_ROWS_TEXT_H

#include "ctprof/rows.h"

enum column {
	COLUMN_GROUP,
	COLUMN_THREADS,
	COLUMN_METRIC,
	COLUMN_VALUE,
	COLUMN_BASELINE,
	COLUMN_CANDIDATE,
	COLUMN_ARROW, /* "baseline → candidate" */
	COLUMN_DELTA,
	COLUMN_PERCENT,
	COLUMN_UPTIME,
	COLUMN_TAGS,
	COLUMN_MAX,
};
extern const char *const column_names[]; /* ended by NULL */
extern const char *const group_by_names[];

/* @columns: bits 1 << enum column, shown in the order of the enum. @compares: the rows are of two snapshots. */
void rows_print(const struct rows *r, unsigned columns, bool compares, struct buf *out);
/* An array of blocks. */
json_t *rows_json(const struct rows *r, bool compares);

/* "12.3K", "4.5ms", "1.2MiB", "0.95", "-5..19", "S (3/4)", "8 cpus"; "-" for an unknown value. */
void value_format(const struct value *v, enum unit unit, struct buf *out);

#endif
