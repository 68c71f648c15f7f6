/* SPDX-License-Identifier: GPL-2.0-only */
/* render.h -- a frame of locks, or a host, as text and as JSON. Pure: no system calls, no clock. */
#ifndef KTSTR_LOCK_RENDER_H
#define KTSTR_LOCK_RENDER_H

#include "base/term.h"
#include "lock/scan.h"

/*
 * The four tables, and with @map the host map: each LLC's CPUs by core, '.' for a free one, one letter per holder
 * (upper case where it holds the whole LLC). @h may be NULL: the nodes are then unknown, and there is no map.
 */
void locks_render_text(const struct lock_scan *s, const struct host *h, const struct term *t, bool map,
		       struct buf *out);
/* One compact line, with a newline. */
void locks_render_json(const struct lock_scan *s, const struct host *h, struct buf *out);

/* Totals, LLCs, then a drawing of nodes, LLCs and cores. CPUs outside @allowed are in parentheses. */
void host_render_text(const struct host *h, const struct cpuset_bits *allowed, const struct term *t, struct buf *out);
void host_render_json(const struct host *h, const struct cpuset_bits *allowed, struct buf *out);

#endif
