/* SPDX-License-Identifier: GPL-2.0-only */
/* time.h -- one type for times and durations: signed nanoseconds, so that differences can be negative. */
#ifndef KTSTR_BASE_TIME_H
#define KTSTR_BASE_TIME_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

typedef int64_t nsec_t;

#define NSEC_PER_USEC ((nsec_t)1000)
#define NSEC_PER_MSEC ((nsec_t)1000000)
#define NSEC_PER_SEC  ((nsec_t)1000000000)
#define NSEC_PER_MIN  (60 * NSEC_PER_SEC)
#define NSEC_NEVER    INT64_MAX

static inline nsec_t nsec_clock(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static inline nsec_t nsec_now(void)
{
	return nsec_clock(CLOCK_MONOTONIC);
}

static inline struct timespec nsec_to_timespec(nsec_t t)
{
	return (struct timespec){ .tv_sec = t / NSEC_PER_SEC, .tv_nsec = t % NSEC_PER_SEC };
}

#define TIME_TEXT_MAX 32
/* "850ms", "12.3s", "4m07s": rounded down, for users. @out has TIME_TEXT_MAX bytes. */
const char *nsec_format(nsec_t t, char out[TIME_TEXT_MAX]);
/* "149 ms", "1520 ms", "52.3 us", for measurements: three significant digits or more. @out has TIME_TEXT_MAX bytes. */
const char *nsec_measure(double ns, char out[TIME_TEXT_MAX]);
/* RFC 3339, UTC, seconds. @out has TIME_TEXT_MAX bytes. */
const char *time_rfc3339(time_t t, char out[TIME_TEXT_MAX]);

/*
 * Time away. A loop that waits in slices of TIME_SLICE notices that it was stopped (SIGSTOP, a frozen container, a
 * debugger, a host that is too busy), because it wakes up late. time_away() returns that delay if it is more than a
 * slice, else 0. Deadlines are moved by it, so that time in which the process could not run does not count.
 */
#define TIME_SLICE (1 * NSEC_PER_SEC)
static inline nsec_t time_away(nsec_t expected, nsec_t now)
{
	return now - expected > TIME_SLICE ? now - expected : 0;
}

#endif
