/* SPDX-License-Identifier: GPL-2.0-only */
/* programs.h -- programs that are inside of ktstr, as files that others find by a path. */
#ifndef KTSTR_CLI_PROGRAMS_H
#define KTSTR_CLI_PROGRAMS_H

#include "base/err.h"

struct program {
	int fd; /* -1: not open */
	char path[40];
};

/*
 * The test of the verifier sweep's cells, the questions of `ktstr try`, and what runs scenario files. Nothing happens
 * if it is open.
 */
int program_open_cell(struct program *p, struct err **err);
int program_open_battery(struct program *p, struct err **err);
int program_open_from_file(struct program *p, struct err **err);
void program_done(struct program *p);

#endif
