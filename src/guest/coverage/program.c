/* SPDX-License-Identifier: GPL-2.0-only */
/* program.c -- see program.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ktstr/wire.h>

#include "base/parse.h"
#include "guest/coverage/counters.h"
#include "guest/coverage/program.h"
#include "guest/coverage/slots.h"

/* On the host. The compiler's runtime, whose own begin was before this, writes its files at exit(). */
static void __attribute__((noreturn)) write_counters(const char *path)
{
	int r = coverage_load(path);
	if (r == 0) {
		counters_write();
		exit(0);
	}
	fprintf(stderr, "read the counters of a guest: %s\n", strerror(-r));
	_exit(65);
}

void program_begin(void)
{
	const char *load = getenv(WIRE_COVERAGE_LOAD), *address = getenv(WIRE_COVERAGE_VARIABLE);
	uint64_t at;
	int saved = errno;
	if (load)
		write_counters(load);
	if (address && parse_u64(address, &at) == 0)
		coverage_start(at);
	errno = saved;
}
