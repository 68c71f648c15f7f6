/* SPDX-License-Identifier: GPL-2.0-only */
/* ticks.c -- see ticks.h. */
#include <string.h>

#include "base/file.h"
#include "guest/work/ticks.h"

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define MEASURED    (2 * NSEC_PER_MSEC)
#define LOOKS	    8

/*
 * The kernel checks that the counters of all processors run in step, and changes to another clock if not. "tsc-early"
 * is the same counter in the first second or two, before its frequency is refined.
 */
static bool kernel_trusts_counter(void)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	return file_read(CLOCKSOURCE, 64, &text, NULL) >= 0 &&
	       !strncmp(buf_str(&text), ARCH_COUNTER_CLOCK, strlen(ARCH_COUNTER_CLOCK));
}

struct both {
	int64_t count;
	nsec_t ns;
};

/*
 * Reads both clocks several times and keeps the pair with the shortest interval, which was most likely not interrupted.
 */
static struct both look(void)
{
	struct both best = { 0 };
	int64_t least = INT64_MAX;
	for (unsigned i = 0; i < LOOKS; i++) {
		int64_t before = ticks_counter();
		nsec_t ns = nsec_now();
		int64_t between = ticks_counter() - before;
		if (between < least)
			best = (struct both){ before + between / 2, ns };
		least = between < least ? between : least;
	}
	return best;
}

static struct ticks measure(void)
{
	static const struct timespec pause = { .tv_nsec = MEASURED };
	struct ticks t = { .ns_q24 = 1 << 24 };
	if (!kernel_trusts_counter())
		return t;
	if (arch_counter_hz()) {
		t.ns_q24 = (uint32_t)(1e9 / (double)arch_counter_hz() * 0x1p24);
		t.counter = true;
		return t;
	}
	struct both first = look();
	nanosleep(&pause, NULL);
	struct both second = look();
	double length = (double)(second.ns - first.ns) / (double)(second.count - first.count);
	if (length <= 0 || length >= TICK_NS_MAX)
		return t;
	t.ns_q24 = (uint32_t)(length * 0x1p24);
	t.counter = true;
	return t;
}

const struct ticks *ticks(void)
{
	static struct ticks measured;
	if (!measured.ns_q24)
		measured = measure();
	return &measured;
}
