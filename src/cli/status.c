/* SPDX-License-Identifier: GPL-2.0-only */
/* status.c -- see status.h. */
#include "base/bug.h"
#include "cli/status.h"

#define RANK_ERROR 4

const struct status_row status_rows[] = {
	{ 0, ERR_BY_CODE, 0, false, "success; of tests: every one passed, was skipped, or failed as known" },
	{ EXIT_FAILED, ERR_IMPOSSIBLE, 3, true,
	  "a test failed, or passed although it is known to fail; a comparison shows that something got worse; "
	  "the run of a pack is another one here; or an explicit --cpu-cap is more than this machine has" },
	{ 2, ERR_BY_CODE, 2, true,
	  "no test failed, and at least one is inconclusive: it could not be judged; or nothing could be compared" },
	{ EXIT_OUTSTANDING, ERR_BY_CODE, 1, true,
	  "of 'ktstr replay' only: the tests that were run again passed, and other tests of that run still did not" },
	{ EXIT_BAD_USAGE, ERR_USAGE, RANK_ERROR, false, "the command line or an environment variable is wrong" },
	{ EXIT_BAD_DATA, ERR_DATA, RANK_ERROR, false,
	  "an input is damaged or wrong: a test binary, a kernel, a cache entry, a result" },
	{ EXIT_NO_BACKEND, ERR_MISSING, RANK_ERROR, false,
	  "a backend, kernel, tool or file that is needed is not there" },
	{ EXIT_BUG, ERR_BUG, 6, false, "a bug in ktstr" },
	{ EXIT_NO_OUTPUT, ERR_OUTPUT, 5, false, "output could not be written" },
	{ EXIT_CONTENTION, ERR_BUSY, RANK_ERROR, false, "a resource is in use by others or used up: try again" },
	{ EXIT_INTERRUPTED, ERR_INTERRUPTED, 7, false, "interrupted by a signal" },
	{ .meaning = NULL },
};

int status_of_kind(enum err_kind kind)
{
	REQUIRE(kind != ERR_BY_CODE);
	for (const struct status_row *s = status_rows; s->meaning; s++)
		if (s->kind == kind)
			return s->status;
	return EXIT_BUG;
}

static unsigned rank_of(int status)
{
	for (const struct status_row *s = status_rows; s->meaning; s++)
		if (s->status == status)
			return s->rank;
	return RANK_ERROR;
}

int status_first(int a, int b)
{
	return rank_of(b) > rank_of(a) ? b : a;
}
