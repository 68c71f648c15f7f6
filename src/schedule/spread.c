/* SPDX-License-Identifier: GPL-2.0-only */
/* spread.c -- see spread.h. */
#include "schedule/spread.h"

#define SUB (1u << SPREAD_SUB_BITS)

/* Below 2 * SUB each value has its own bucket. From there on, an octave has SUB buckets. */
static unsigned bucket_of(uint64_t ns)
{
	if (ns < SUB)
		return (unsigned)ns;
	unsigned octave = 63 - (unsigned)__builtin_clzll(ns) - SPREAD_SUB_BITS;
	unsigned bucket = (octave << SPREAD_SUB_BITS) + (unsigned)(ns >> octave);
	return bucket < SPREAD_BUCKETS ? bucket : SPREAD_BUCKETS - 1;
}

static uint64_t bucket_end(unsigned bucket)
{
	if (bucket < 2 * SUB)
		return bucket;
	unsigned octave = (bucket >> SPREAD_SUB_BITS) - 1;
	return ((uint64_t)(bucket % SUB + SUB + 1) << octave) - 1;
}

static void add_to_bucket(struct spread *s, unsigned bucket, uint64_t ns, uint64_t end)
{
	s->count++;
	s->sum += ns;
	s->bucket[bucket]++;
	if (ns < s->max)
		return;
	s->max = ns;
	s->max_end = end;
}

void spread_add(struct spread *s, uint64_t ns, uint64_t end)
{
	add_to_bucket(s, bucket_of(ns), ns, end);
}

void spread_add_both(struct spread *a, struct spread *b, uint64_t ns, uint64_t end)
{
	unsigned bucket = bucket_of(ns);
	add_to_bucket(a, bucket, ns, end);
	add_to_bucket(b, bucket, ns, end);
}

void spread_merge(struct spread *s, const struct spread *from)
{
	if (from->count && from->max >= s->max) {
		s->max = from->max;
		s->max_end = from->max_end;
	}
	s->count += from->count;
	s->sum += from->sum;
	for (unsigned i = 0; i < SPREAD_BUCKETS; i++)
		s->bucket[i] += from->bucket[i];
}

uint64_t spread_percentile(const struct spread *s, unsigned per_mille)
{
	uint64_t wanted = (s->count * per_mille + 999) / 1000, seen = 0;
	for (unsigned i = 0; i + 1 < SPREAD_BUCKETS; i++) {
		seen += s->bucket[i];
		if (seen && seen >= wanted)
			return bucket_end(i) < s->max ? bucket_end(i) : s->max;
	}
	return s->max;
}
