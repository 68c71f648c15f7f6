/* SPDX-License-Identifier: GPL-2.0-only */
/* events.h -- the results of a run as a stream: text lines for the user, one JSON object per line for programs. */
#ifndef KTSTR_REPORT_EVENTS_H
#define KTSTR_REPORT_EVENTS_H

#include "base/term.h"
#include "report/result.h"

struct run_counts {
	unsigned total, passed, failed, inconclusive, skipped, flaky, not_run;
	unsigned xfailed;  /* failed as expected (known failure) */
	unsigned xpassed;  /* passed despite a known failure */
	unsigned xallowed; /* part of xpassed: the known failure is flaky */
	unsigned allowed;  /* part of inconclusive: the test allows it */
	bool interrupted;  /* by a signal; started tests are stored and marked */
};

/* Adds the counts of one part of a run. */
void run_counts_add(struct run_counts *sum, const struct run_counts *part);

#define EVENT_INDENT  6u  /* columns before a name, and before its further lines */
#define EVENT_COLUMNS 120 /* width of a line in a file; a longer name moves the rest to the right */

/* Widths of the columns: those of the longest name and topology of the run. 0: no padding. */
struct event_layout {
	unsigned name, topology;
	bool report_follows; /* a report with the cause is the next output, so the line leaves it out */
};

/* What determines the word before a result. */
struct event_kind {
	enum ktstr_verdict verdict;
	bool flaky;
	enum known_outcome known;
	bool known_is_flaky; /* the known failure does not occur in every run */
};

struct event_kind event_kind_of(const struct result *r);
/* Appends the word and spaces up to EVENT_INDENT, at least one. Returns the number of columns. */
unsigned event_word(struct event_kind kind, const struct term *t, struct buf *out);
/*
 * "PASS  ktstr/two_cgroups  1n1l4c1t     5.2s", with the cause on the next lines if the test did not pass. If the
 * terminal is too narrow, the topology and time are on a second line.
 */
void event_line(const struct result *r, const struct event_layout *layout, const struct term *t, struct buf *out);
json_t *event_json(const struct result *r);
/* A try has its CPUs and begins. Only in the stream of a file. */
json_t *started_json(const char *name, const char *topology, unsigned attempt, uint64_t seed);
json_t *summary_json(const struct run_counts *c, nsec_t wall);
/* "13 tests: 12 passed, 0 failed, 1 skipped" and other counts that are not 0. */
void summary_line(const struct run_counts *c, nsec_t wall, const struct term *t, struct buf *out);

#endif
