/* SPDX-License-Identifier: GPL-2.0-only */
/* live.h -- the fleet while it runs: a status line and the machines that have run longest. Pure: snapshot to text. */
#ifndef KTSTR_REPORT_LIVE_H
#define KTSTR_REPORT_LIVE_H

#include "base/buf.h"
#include "base/term.h"
#include "base/time.h"

#define LIVE_ROWS_MAX 8

struct live_row {
	const char *name, *state;
	nsec_t elapsed;
	nsec_t left; /* until the state's deadline; negative: none */
};

struct live_view {
	unsigned total, done, failed, inconclusive, skipped, running, queued;
	nsec_t elapsed;
	struct live_row row[LIVE_ROWS_MAX];
	unsigned rows;
};

void live_render(const struct live_view *v, const struct term *t, struct buf *out);
/* Lines that live_render() wrote, for taking them back. */
unsigned live_height(const struct live_view *v);

#endif
