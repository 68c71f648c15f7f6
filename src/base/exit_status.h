/* SPDX-License-Identifier: GPL-2.0-only */
/* exit_status.h -- the exit statuses of ktstr, for those that end with one and those that run ktstr as a child. */
#ifndef KTSTR_BASE_EXIT_STATUS_H
#define KTSTR_BASE_EXIT_STATUS_H

/* Those that are not verdicts (ktstr/test.h). Numbers from 64 to 75 are those of sysexits.h. */
enum exit_status {
	EXIT_FAILED = 1,      /* like a failed test */
	EXIT_OUTSTANDING = 5, /* replay: the tests passed, and others still did not */
	EXIT_BAD_USAGE = 64,
	EXIT_BAD_DATA = 65,
	EXIT_NO_BACKEND = 69,
	EXIT_BUG = 70,
	EXIT_NO_OUTPUT = 74,
	EXIT_CONTENTION = 75,
	EXIT_INTERRUPTED = 130,
};

#endif
