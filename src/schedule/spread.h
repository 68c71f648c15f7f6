/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * spread.h -- how durations are spread: count, sum, maximum, and percentiles from buckets that are at most 1/8 of their
 * value wide.
 */
#ifndef KTSTR_SCHEDULE_SPREAD_H
#define KTSTR_SCHEDULE_SPREAD_H

#include <stdint.h>

#define SPREAD_SUB_BITS 3
#define SPREAD_BUCKETS	(40 << SPREAD_SUB_BITS) /* the last one has all from 2^42 ns (73 min) on */

struct spread {
	uint64_t count, sum, max;
	uint64_t max_end; /* when the longest one ended */
	uint32_t bucket[SPREAD_BUCKETS];
};

void spread_add(struct spread *s, uint64_t ns, uint64_t end);
/* The same to two of them. */
void spread_add_both(struct spread *a, struct spread *b, uint64_t ns, uint64_t end);
/* Adds all durations of @from. */
void spread_merge(struct spread *s, const struct spread *from);
/* Upper limit of the bucket in which the duration at @per_mille is, but never more than the maximum; 0: none. */
uint64_t spread_percentile(const struct spread *s, unsigned per_mille);

#endif
