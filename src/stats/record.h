/* SPDX-License-Identifier: GPL-2.0-only */
/* record.h -- one sidecar's text to a row of a pool. */
#ifndef KTSTR_STATS_RECORD_H
#define KTSTR_STATS_RECORD_H

#include "stats/names.h"
#include "stats/pool.h"

#define RECORD_BYTES_MAX ((size_t)64 << 20)

/* Names that a sidecar may have: of its members, and of metrics. Made once, used for many sidecars. */
struct record_names {
	struct names member, metric;
};
void record_names_init(struct record_names *names);

/*
 * Reads the text of a sidecar into @row, which is new in @p. What is not a sidecar has the state RESULT_CORRUPT, and an
 * error text with the place. Texts are made printable.
 */
void record_read(struct pool *p, const struct record_names *names, struct row *row, const char *text, size_t len);

#endif
