/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ticks.h -- the clock of telemetry. It is the processor's counter if the kernel uses that for its own time: a few
 * instructions to read. Otherwise it is CLOCK_MONOTONIC, with a tick of 1 ns.
 *
 * Ticks are for differences. The length of a tick is measured once per process, to 1 in 10,000 or better.
 */
#ifndef KTSTR_GUEST_TICKS_H
#define KTSTR_GUEST_TICKS_H

#include <stdbool.h>

#include "base/time.h"
#include "guest/arch.h"

#define TICK_NS_MAX 64

struct ticks {
	bool counter;	 /* false: CLOCK_MONOTONIC */
	uint32_t ns_q24; /* nanoseconds per tick, with 24 fractional bits; less than TICK_NS_MAX */
};

/* The first call measures, which takes 2 ms, and must not race with another one. */
const struct ticks *ticks(void);

static inline int64_t ticks_counter(void)
{
	return arch_counter();
}

static inline int64_t ticks_now(const struct ticks *t)
{
	return t->counter ? ticks_counter() : nsec_now();
}

/* Returns 0 for negative differences: the counters of two processors may differ slightly. */
static inline uint64_t ticks_ns(const struct ticks *t, int64_t count)
{
	return count > 0 ? (uint64_t)((unsigned __int128)count * t->ns_q24 >> 24) : 0;
}

static inline double ticks_length_ns(const struct ticks *t)
{
	return t->ns_q24 * 0x1p-24;
}

/* @ns: 0 to some minutes. */
static inline int64_t ns_ticks(const struct ticks *t, nsec_t ns)
{
	return (int64_t)(((uint64_t)ns << 24) / t->ns_q24);
}

/* True if the difference is short (less than a second or two), so that a cheaper conversion works. */
static inline bool ticks_short(int64_t count)
{
	return (uint64_t)count >> 31 == 0;
}

static inline nsec_t ticks_short_ns(const struct ticks *t, int64_t count)
{
	return (nsec_t)((uint64_t)count * t->ns_q24 >> 24);
}

#endif
