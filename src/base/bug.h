/* SPDX-License-Identifier: GPL-2.0-only */
/* bug.h -- assertions for conditions that only a bug in ktstr can break. All other failures are reported as errors. */
#ifndef KTSTR_BASE_BUG_H
#define KTSTR_BASE_BUG_H

#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(cond)                                                                   \
	do {                                                                            \
		if (__builtin_expect(!(cond), 0)) {                                     \
			fprintf(stderr, "bug: %s:%d: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                        \
		}                                                                       \
	} while (0)

#endif
