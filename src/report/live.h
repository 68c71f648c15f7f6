/* SPDX-License-Identifier: GPL-2.0-only */
/* live.h -- the live view of a run: a progress line and a table of machines. Pure: converts a snapshot to text. */
#ifndef KTSTR_REPORT_LIVE_H
#define KTSTR_REPORT_LIVE_H

#include "base/buf.h"
#include "base/term.h"
#include "base/time.h"

#define LIVE_ROWS_MAX 16

struct live_row {
	const char *name, *state;
	nsec_t elapsed;	 /* since the CPUs were granted */
	int cpu_percent; /* CPU time of the machine's process in `elapsed`; -1: unknown */
};

struct live_view {
	unsigned total, done, passed, failed, inconclusive, skipped, running, queued;
	nsec_t elapsed;
	nsec_t left; /* remaining time; -1: unknown */
	struct live_row row[LIVE_ROWS_MAX];
	unsigned rows; /* the other running machines are summed up in one line */
};

/* Appends fewer than @t->rows lines, each at most @t->columns wide. */
void live_render(const struct live_view *v, const struct term *t, struct buf *out);

#endif
