/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ticks.h -- the clock of telemetry: the processor's time stamp counter where the kernel keeps its own time by it,
 * three instructions to read; elsewhere CLOCK_MONOTONIC, whose nanoseconds are the ticks.
 *
 * Ticks are for differences. How long one is was measured once a process, to 1 in 10,000 or better.
 */
#ifndef KTSTR_GUEST_TICKS_H
#define KTSTR_GUEST_TICKS_H

#include <stdbool.h>

#include "base/time.h"

struct ticks {
	bool counter;	 /* else CLOCK_MONOTONIC */
	uint32_t ns_q24; /* nanoseconds a tick, 24 bits behind the point; less than 2 */
};

/* Measured at the first call, which takes 2 ms; for one thread. */
const struct ticks *ticks(void);

static inline int64_t ticks_counter(void)
{
	return (int64_t)__builtin_ia32_rdtsc();
}

static inline int64_t ticks_now(const struct ticks *t)
{
	return t->counter ? ticks_counter() : nsec_now();
}

/* 0 for less than nothing: counters of two processors may differ by a little. */
static inline uint64_t ticks_ns(const struct ticks *t, int64_t count)
{
	return count > 0 ? (uint64_t)((unsigned __int128)count * t->ns_q24 >> 24) : 0;
}

static inline double ticks_length_ns(const struct ticks *t)
{
	return t->ns_q24 * 0x1p-24;
}

/* @ns from 0 to some minutes. */
static inline int64_t ns_ticks(const struct ticks *t, nsec_t ns)
{
	return (int64_t)(((uint64_t)ns << 24) / t->ns_q24);
}

/* For short times, of less than a second or two, a cheaper form. */
static inline bool ticks_short(int64_t count)
{
	return (uint64_t)count >> 31 == 0;
}

static inline nsec_t ticks_short_ns(const struct ticks *t, int64_t count)
{
	return (nsec_t)((uint64_t)count * t->ns_q24 >> 24);
}

#endif
