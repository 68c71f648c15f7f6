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

/* A test of which many schedules run. */
struct closing_test {
	char *name;	 /* without "@" and the schedule */
	unsigned ended;	 /* schedules that have run, each with a seed of its own */
	unsigned varied; /* beside them: variations of others, which are not independent */
};

struct closing {
	struct closing_item *item;
	struct closing_test *test;
	size_t tests;
	size_t count, room;
	size_t lost; /* items left out because memory was short */
};

/* The length of a test's name without its schedule: that of "ktstr/a" of "ktstr/a@7". */
size_t closing_test_len(const char *name);
/* Is it a variation of another schedule? "ktstr/a@7+1200:5" is. */
bool closing_is_varied(const char *name);
/* The test of which this is a schedule; NULL: none of its schedules has run. */
const struct closing_test *closing_test(const struct closing *c, const char *name);
/*
 * Notes the last result of a test if it failed, is inconclusive or flaky, or passed despite a known failure. @verdict:
 * of all tries of the test together. Leaves out schedules that were interrupted.
 */
void closing_add(struct closing *c, const struct result *r, enum ktstr_verdict verdict);
/* The same of a result that was read back. @kind: of all tries together; @cause may be NULL. */
void closing_add_read(struct closing *c, struct event_kind kind, const char *name, const char *cause,
		      const char *replay);
/*
 * Failures first, then inconclusive results, then flaky ones, each with its cause and its replay line. Nothing if the
 * run had only one test (@tests): its report has just been printed.
 */
void closing_render(const struct closing *c, unsigned tests, const struct term *t, struct buf *out);
void closing_done(struct closing *c);

#endif
