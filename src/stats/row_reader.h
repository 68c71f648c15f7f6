/* SPDX-License-Identifier: GPL-2.0-only */
/* row_reader.h -- one sidecar's text to a row of a pool. */
#ifndef KTSTR_STATS_ROW_READER_H
#define KTSTR_STATS_ROW_READER_H

#include "results/record.h"
#include "stats/pool.h"

/* Names that a sidecar may have: of its members, and of metrics. Made once, used for many sidecars. */
struct row_names {
	struct record_names record;
	struct names metric;
};
void row_names_init(struct row_names *names);

/*
 * Reads the text of a sidecar into @row, which is new in @p. What is not a sidecar has the state RESULT_CORRUPT, and an
 * error text with the place. Texts are made printable.
 */
void row_read(struct pool *p, const struct row_names *names, struct row *row, const char *text, size_t len);

#endif
