/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * histogram.h -- how often values of any size occurred: 32 buckets a doubling, so that a percentile is at most 1 in 32
 * too high.
 *
 * Any number of threads note values, without waiting for each other; whoever reads meanwhile gets some of them.
 */
#ifndef KTSTR_GUEST_HISTOGRAM_H
#define KTSTR_GUEST_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BITS	  5
#define HISTOGRAM_BUCKETS ((64u - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)

/* All zeroes is an empty one. */
struct histogram {
	_Atomic uint32_t bucket[HISTOGRAM_BUCKETS];
};

/* Below 64 each value has its own. */
static inline unsigned histogram_bucket(uint64_t value)
{
	unsigned shift = 63 - HISTOGRAM_BITS - (unsigned)__builtin_clzl(value | 1u << HISTOGRAM_BITS);
	return (shift << HISTOGRAM_BITS) + (unsigned)(value >> shift);
}

static inline void histogram_note(struct histogram *h, uint64_t value)
{
	atomic_fetch_add_explicit(&h->bucket[histogram_bucket(value)], 1, memory_order_relaxed);
}

/* What @share (0 to 1) of the values are below: the end of the bucket where that is reached. 0 where there are none. */
double histogram_percentile(const struct histogram *h, double share);

#endif
