/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * static.c -- libktstr-coverage.a, for programs that are linked statically: -Wl,-u,ktstr_coverage -lktstr-coverage. In
 * others it does nothing, because the library of LD_PRELOAD counts them.
 */
#include <sys/auxv.h>

#include "guest/coverage/program.h"

extern int ktstr_coverage;
int ktstr_coverage = 1;

/* gcc's runtime begins in constructors that run before those without a priority. */
static void __attribute__((constructor)) begin(void)
{
	if (!getauxval(AT_BASE)) /* there is no loader */
		program_begin();
}
