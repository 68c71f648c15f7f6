/* SPDX-License-Identifier: GPL-2.0-only */
/* live.h -- a run while it lasts: a line of progress, and a table of the machines. Pure: from a snapshot to text. */
#ifndef KTSTR_REPORT_LIVE_H
#define KTSTR_REPORT_LIVE_H

#include "base/buf.h"
#include "base/term.h"
#include "base/time.h"

#define LIVE_ROWS_MAX 16

struct live_row {
	const char *name, *state;
	nsec_t elapsed;	 /* since the machine has its CPUs */
	int cpu_percent; /* CPU time of its process in that time; -1: not known */
};

struct live_view {
	unsigned total, done, passed, failed, inconclusive, skipped, running, queued;
	nsec_t elapsed;
	nsec_t left; /* how long the rest will take; -1: not known */
	struct live_row row[LIVE_ROWS_MAX];
	unsigned rows; /* the others of `running` are summed up in one line */
};

/* Appends lines of at most @t->columns, fewer than @t->rows. */
void live_render(const struct live_view *v, const struct term *t, struct buf *out);

#endif
