/* SPDX-License-Identifier: GPL-2.0-only */
/* record.h -- one sidecar's text to a row of a pool. */
#ifndef KTSTR_STATS_RECORD_H
#define KTSTR_STATS_RECORD_H

#include "stats/pool.h"

#define RECORD_BYTES_MAX ((size_t)64 << 20)

/*
 * Reads the text of a sidecar into @row, which is new in @p. What is not a sidecar has the state RESULT_CORRUPT, and an
 * error text with the place. Texts are made printable.
 */
void record_read(struct pool *p, struct row *row, const char *text, size_t len);

#endif
