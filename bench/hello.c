/* SPDX-License-Identifier: GPL-2.0-only */
/* hello.c -- eight tests that do nothing, to measure the machine and the harness. For boot.py. */
#include <ktstr/ktstr.h>

#define HELLO(n)                          \
	KTSTR_TEST(hello_##n, .cores = 2) \
	{                                 \
		return KTSTR_PASS;        \
	}

HELLO(0)
HELLO(1)
HELLO(2)
HELLO(3)
HELLO(4)
HELLO(5)
HELLO(6)
HELLO(7)
