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
/* "PASS  ktstr/two_cgroups  1n1l4c1t  5.2s" */
void event_line(const struct result *r, const struct term *t, struct buf *out);
json_t *event_json(const struct result *r);
json_t *summary_json(const struct run_counts *c, nsec_t wall);
/* "12 passed, 0 failed, 1 skipped" and what else there was. */
void summary_line(const struct run_counts *c, nsec_t wall, struct buf *out);

#endif
