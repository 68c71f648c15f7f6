/* SPDX-License-Identifier: GPL-2.0-only */
/* naps.c -- 120 tests that take one to four seconds and no machine, for slurm.py. */
#include <time.h>

#include <ktstr/ktstr.h>

static int nap(int number)
{
	struct timespec left = { .tv_sec = 1 + number % 4 };
	while (nanosleep(&left, &left) < 0)
		;
	return KTSTR_PASS;
}

#define NAP(n)                                                \
	KTSTR_TEST(nap_##n, .host_only = KTSTR_ON)            \
	{                                                     \
		ktstr_expect(t, true, "a nap needs no host"); \
		return nap(n);                                \
	}
#define TEN(n) NAP(n##0) NAP(n##1) NAP(n##2) NAP(n##3) NAP(n##4) NAP(n##5) NAP(n##6) NAP(n##7) NAP(n##8) NAP(n##9)

TEN(1) TEN(2) TEN(3) TEN(4) TEN(5) TEN(6) TEN(7) TEN(8) TEN(9) TEN(10) TEN(11) TEN(12)
