/* SPDX-License-Identifier: GPL-2.0-only */
/* counted.h -- functions that are called a known number of times. */
#ifndef TESTS_COVERAGE_COUNTED_H
#define TESTS_COVERAGE_COUNTED_H

#define COUNTED(name)                                    \
	static __attribute__((noinline)) void name(void) \
	{                                                \
		__asm__ volatile("");                    \
	}

static inline void repeat(void (*fn)(void), unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		fn();
}

#endif
