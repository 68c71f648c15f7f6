/* SPDX-License-Identifier: GPL-2.0-only */
/* status.h -- which exit status a command ends with. Below src/cli there are kinds of errors only (base/err.h). */
#ifndef KTSTR_CLI_STATUS_H
#define KTSTR_CLI_STATUS_H

#include "base/err.h"
#include "base/exit_status.h"

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
