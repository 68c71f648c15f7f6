/* SPDX-License-Identifier: GPL-2.0-only */
/* signatures.h -- the failures of many schedules of one test, grouped by what they have in common. */
#ifndef KTSTR_REPORT_SIGNATURES_H
#define KTSTR_REPORT_SIGNATURES_H

#include "report/closing.h"

#define SIGNATURE_MAX 160

/*
 * What a failure is called without what differs between schedules: @cause with every number as N, and what is in
 * parentheses left out, because tasks are named there. Its first line, cut. Returns @out.
 */
const char *signature_of(const char *cause, char out[SIGNATURE_MAX]);

/*
 * The 95 % interval of a rate of which @k of @n were seen (Wilson, 1927); 0 <= @k <= @n, 0 < @n. Without any, its upper
 * end is 3/n (the rule of three).
 */
void rate_interval(unsigned k, unsigned n, double *low, double *high);

/*
 * Groups of failures by test, the most frequent first, each with its rate of the schedules that ran and its first
 * replay line.
 */
void signatures_render(const struct closing *c, const struct term *t, struct buf *out);
/* The same as {"event": "signature", ...} for programs; an array. */
json_t *signatures_json(const struct closing *c);

#endif
