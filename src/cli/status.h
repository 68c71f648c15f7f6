/* SPDX-License-Identifier: GPL-2.0-only */
/* status.h -- the exit statuses of the program. Below src/cli there are kinds of errors only (base/err.h). */
#ifndef KTSTR_CLI_STATUS_H
#define KTSTR_CLI_STATUS_H

#include "base/err.h"

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

struct status_row {
	int status;
	enum err_kind kind; /* of errors that end with this status; ERR_BY_CODE: of none */
	unsigned rank;	    /* of several statuses, the one of the highest rank counts */
	bool verdict;	    /* only of commands whose exit status is a verdict */
	const char *meaning;
};
extern const struct status_row status_rows[]; /* ended by a NULL meaning */

int status_of_kind(enum err_kind kind);
/* The more important of two exit statuses. The order is 130, 70, 74, other errors, 1, 2, 5, 0. */
int status_first(int a, int b);

#endif
