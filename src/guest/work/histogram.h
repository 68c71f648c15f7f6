/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * histogram.h -- a histogram of values of any size: 32 buckets per doubling, so that a percentile is at most 1/32 too
 * high.
 *
 * Any number of threads may add values without waiting for each other. A concurrent reader sees some of them.
 */
#ifndef KTSTR_GUEST_HISTOGRAM_H
#define KTSTR_GUEST_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BITS	  5
#define HISTOGRAM_BUCKETS ((64u - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)

/* An all-zero histogram is empty. */
struct histogram {
	_Atomic uint32_t bucket[HISTOGRAM_BUCKETS];
};

/* Each value below 64 has a bucket of its own. */
static inline unsigned histogram_bucket(uint64_t value)
{
	unsigned shift = 63 - HISTOGRAM_BITS - (unsigned)__builtin_clzl(value | 1u << HISTOGRAM_BITS);
	return (shift << HISTOGRAM_BITS) + (unsigned)(value >> shift);
}

static inline void histogram_note(struct histogram *h, uint64_t value)
{
	atomic_fetch_add_explicit(&h->bucket[histogram_bucket(value)], 1, memory_order_relaxed);
}

/*
 * The upper end of the bucket in which the fraction @share (0 to 1) of all values is reached; 0 for an empty histogram.
 */
double histogram_percentile(const struct histogram *h, double share);

#endif
