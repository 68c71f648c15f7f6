/* SPDX-License-Identifier: GPL-2.0-only */
/* histogram.c -- see histogram.h. */
#include <math.h>

#include "guest/work/histogram.h"

static uint64_t noted(const struct histogram *h)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		sum += atomic_load(&h->bucket[i]);
	return sum;
}

/* The lowest value above bucket @i. */
static double bucket_end(unsigned i)
{
	unsigned shift = i >> HISTOGRAM_BITS ? (i >> HISTOGRAM_BITS) - 1 : 0;
	return ldexp(i - (shift << HISTOGRAM_BITS) + 1, (int)shift);
}

double histogram_percentile(const struct histogram *h, double share)
{
	uint64_t wanted = (uint64_t)ceil((double)noted(h) * share), seen = 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += atomic_load(&h->bucket[i]);
		if (seen && seen >= wanted)
			return bucket_end(i);
	}
	return 0;
}
