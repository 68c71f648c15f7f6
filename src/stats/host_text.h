/* SPDX-License-Identifier: GPL-2.0-only */
/* host_text.h -- the `host` object of sidecars for people, and what differs between two of them. */
#ifndef KTSTR_STATS_HOST_TEXT_H
#define KTSTR_STATS_HOST_TEXT_H

#include "base/json.h"

/* One line per key, "key: value"; tables as blocks of indented lines. Missing values are "(unknown)". */
void host_format(const json_t *host, struct buf *out);
/*
 * Appends a heading and one line per difference, "  key: A → B". @a and @b may be NULL: nothing was captured there. The
 * labels are the names of the sides.
 */
void host_format_difference(const json_t *a, const json_t *b, const char *label_a, const char *label_b,
			    struct buf *out);

#endif
