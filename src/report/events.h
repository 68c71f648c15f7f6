/* SPDX-License-Identifier: GPL-2.0-only */
/* events.h -- a run as a stream: plain lines for people, one JSON object a line for programs. */
#ifndef KTSTR_REPORT_EVENTS_H
#define KTSTR_REPORT_EVENTS_H

#include "base/term.h"
#include "report/result.h"

struct run_counts {
	unsigned total, passed, failed, inconclusive, skipped, flaky, not_run;
	unsigned xfailed;  /* failed as known */
	unsigned xpassed;  /* passed although a failure is known */
	unsigned xallowed; /* of these: the failure comes only now and then */
	unsigned allowed;  /* of the inconclusive: the test says that it may be */
	bool interrupted;  /* by a signal: what ran is kept and marked */
};

/* Sums up a run that has several parts. */
void run_counts_add(struct run_counts *sum, const struct run_counts *part);

#define EVENT_INDENT  6u  /* columns before a name, and before what is said of it on further lines */
#define EVENT_COLUMNS 120 /* of a line that goes to a file; a longer name moves the rest to the right */

/* Widths of the columns: of the longest name and topology of the run. 0: as wide as the text. */
struct event_layout {
	unsigned name, topology;
};

/* What decides the word in front of a result. */
struct event_kind {
	enum ktstr_verdict verdict;
	bool flaky;
	enum known_outcome known;
	bool known_is_flaky; /* the known failure comes only now and then */
};

struct event_kind event_kind_of(const struct result *r);
/* The word, and spaces up to EVENT_INDENT, at least one. Returns the columns of both. */
unsigned event_word(struct event_kind kind, const struct term *t, struct buf *out);
/*
 * "PASS  ktstr/two_cgroups  1n1l4c1t     5.2s"; below it the cause, where the test did not pass. On a terminal that is
 * too narrow the name has a line of its own.
 */
void event_line(const struct result *r, const struct event_layout *layout, const struct term *t, struct buf *out);
json_t *event_json(const struct result *r);
json_t *summary_json(const struct run_counts *c, nsec_t wall);
/* "13 tests: 12 passed, 0 failed, 1 skipped" and what else there was. */
void summary_line(const struct run_counts *c, nsec_t wall, const struct term *t, struct buf *out);

#endif
