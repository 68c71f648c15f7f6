/* SPDX-License-Identifier: GPL-2.0-only */
/* program.h -- runs programs to their end: builds, `ktstr test`. Blocks; has a reactor of its own. */
#ifndef KTSTR_WORKTREE_PROGRAM_H
#define KTSTR_WORKTREE_PROGRAM_H

#include "base/err.h"

struct program {
	const char *what; /* for errors: "make" */
	const char *const *argv;
	const char *const *env; /* added to ours, or NULL */
	const char *cwd;	/* NULL: ours */
	const char *log;	/* file for its output; NULL: it is not kept */
	/* Gets each line of its output; may be NULL. */
	void (*on_line)(void *data, const char *line);
	/*
	 * It has ended, with a status as below. True: it runs once more, with the words that are now in @argv. NULL: it
	 * does not.
	 */
	bool (*again)(void *data, int status);
	void *data; /* of both */
};

/*
 * Runs a program to its end. *@ret_status: its exit status; 128 + N after signal N. SIGINT and SIGTERM end it:
 * -ECANCELED.
 */
int program_run(const struct program *p, int *ret_status, struct err **err);
/* The same for several at the same time; a status each. */
int programs_run(const struct program *p, size_t count, int *ret_status, struct err **err);

#endif
