/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rng.h -- seeded pseudo-random numbers: SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
 * generators", OOPSLA 2014). One 64-bit word of state; every seed is good; a new stream is made by hashing a name into
 * it.
 */
#ifndef KTSTR_BASE_RNG_H
#define KTSTR_BASE_RNG_H

#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Uniform in [0, @below); @below > 0. The bias of the multiply-shift is below 2^-32 for the ranges used here. */
static inline uint64_t rng_below(struct rng *r, uint64_t below)
{
	return (uint64_t)((unsigned __int128)rng_next(r) * below >> 64);
}

#endif
