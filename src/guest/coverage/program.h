/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * program.h -- counts a program that is not a test binary, such as a scheduler's or a payload's: it gets a library by
 * LD_PRELOAD (library.c), or it is linked statically with libktstr-coverage.a (static.c).
 */
#ifndef KTSTR_GUEST_COVERAGE_PROGRAM_H
#define KTSTR_GUEST_COVERAGE_PROGRAM_H

#include <stdint.h>

/* Before main(). In a guest: begins to count, if PID 1 or the test asked for it. On the host it may not return. */
void program_begin(void);

#endif
