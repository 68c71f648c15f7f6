/* SPDX-License-Identifier: GPL-2.0-only */
/* closing.h -- the closing summary of a run: the tests that need attention. */
#ifndef KTSTR_REPORT_CLOSING_H
#define KTSTR_REPORT_CLOSING_H

#include "base/term.h"
#include "report/events.h"

struct closing_item {
	struct event_kind kind;
	char *name, *cause, *replay; /* cause may be NULL */
};

struct closing {
	struct closing_item *item;
	size_t count, room;
	size_t lost; /* items left out because memory was short */
};

/*
 * Notes the last result of a test if it failed, is inconclusive or flaky, or passed despite a known failure. @verdict:
 * of all tries of the test together.
 */
void closing_add(struct closing *c, const struct result *r, enum ktstr_verdict verdict);
/*
 * Failures first, then inconclusive results, then flaky ones, each with its cause and its replay line. Nothing if the
 * run had only one test (@tests): its report has just been printed.
 */
void closing_render(const struct closing *c, unsigned tests, const struct term *t, struct buf *out);
void closing_done(struct closing *c);

#endif
