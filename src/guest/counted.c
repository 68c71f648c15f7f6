/* SPDX-License-Identifier: GPL-2.0-only */
/* counted.c -- see counted.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ktstr/wire.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "guest/counted.h"

/* Before what others want there, once. */
static void put_first(const char *variable, const char *ours)
{
	const char *others = getenv(variable);
	_cleanup_free_ char *both = NULL;
	if (!others || !*others)
		setenv(variable, ours, 1);
	else if (!strstr(others, ours) && asprintf(&both, "%s:%s", ours, others) >= 0)
		setenv(variable, both, 1);
}

void counted_environment(uint64_t address)
{
	char text[24];
	snprintf(text, sizeof(text), "%lu", address);
	setenv(WIRE_COVERAGE_VARIABLE, text, 1);
	/* It is not there in guests of another architecture. */
	if (path_exists(WIRE_COVERAGE_LIBRARY))
		put_first("LD_PRELOAD", WIRE_COVERAGE_LIBRARY);
	/* Otherwise a program that gcc has built with -fsanitize=address refuses to run. */
	put_first("ASAN_OPTIONS", WIRE_COVERAGE_ASAN);
	/* clang's runtime writes a file when a process exits. The counters are elsewhere by then. */
	setenv("LLVM_PROFILE_FILE", "/dev/null", 1);
}
