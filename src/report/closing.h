/* SPDX-License-Identifier: GPL-2.0-only */
/* closing.h -- what a person should look at when a run is over: every test that did not simply pass, once more. */
#ifndef KTSTR_REPORT_CLOSING_H
#define KTSTR_REPORT_CLOSING_H

#include "base/term.h"
#include "report/events.h"

struct closing_item {
	struct event_kind kind;
	char *name, *cause, *replay; /* cause: NULL: none */
};

struct closing {
	struct closing_item *item;
	size_t count, room;
	size_t lost; /* for want of memory */
};

/*
 * Notes a test's last result where it failed, is inconclusive or flaky, or passed although a failure is known.
 * @verdict: of all its tries together.
 */
void closing_add(struct closing *c, const struct result *r, enum ktstr_verdict verdict);
/* Failures first, then inconclusive, then flaky ones, each with its cause and the line that replays it. */
void closing_render(const struct closing *c, const struct term *t, struct buf *out);
void closing_done(struct closing *c);

#endif
