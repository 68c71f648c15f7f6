/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watched_constants.h -- constants of BPF programs in a watched guest (monitor/rodata.h): a cell of the verifier sweep
 * notes those that its scheduler has, or gives it those of another cell.
 */
#ifndef KTSTR_RUN_WATCHED_CONSTANTS_H
#define KTSTR_RUN_WATCHED_CONSTANTS_H

#include "monitor/rodata.h"

struct watched_constants {
	const struct rodata *wanted; /* that programs are verified with; borrowed; NULL: their own */
	struct rodata found;	     /* without `wanted`: what they have */
	struct rodata_saved saved;
	int result; /* of the last attempt to put `wanted` there; -ENOENT: there was no place for it */
	bool all;   /* all programs were verified with `wanted`, and so must not run: the machine is to be ended */
};

void watched_constants_init(struct watched_constants *c, const struct rodata *wanted);
/* A program is about to be verified. */
void watched_constants_begin(struct watched_constants *c, const struct inspect_config *config);
/* It was verified, or rejected. @own: a program of the scheduler was, so its maps are complete. */
void watched_constants_end(struct watched_constants *c, const struct inspect_config *config, bool own);
void watched_constants_done(struct watched_constants *c);

#endif
