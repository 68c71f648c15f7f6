/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * counted_code.h -- from executions of single instructions, which QEMU has counted, to those of lines and functions of
 * source files.
 */
#ifndef KTSTR_RUN_COUNTED_CODE_H
#define KTSTR_RUN_COUNTED_CODE_H

#include "base/code_lines.h"
#include "coverage/lines.h"
#include "vmm/observe.h"

/* Everything is borrowed. */
struct counted_code {
	const struct code_lines *lines;
	const struct observe_program *piece; /* ascending; lines outside of them are not counted */
	uint32_t pieces;
	const uint64_t *executions; /* as in struct observe_profile */
	const char *prefix;	    /* before the path of each file */
};

/*
 * A line counts as often as the most often executed of its instructions, wherever the compiler has put them. Lines that
 * were never executed count, too. -ENOMEM.
 */
int counted_code_add_lines(const struct counted_code *c, struct coverage_lines *ret);
/* The function that begins at @address, if a line does. It counts as often as its first instruction. -ENOMEM. */
int counted_code_add_function(const struct counted_code *c, const char *name, uint64_t address,
			      struct coverage_lines *ret);
/*
 * Chooses where the code of @lines is counted: pieces without large gaps, which use the counters from 0 to *@counters.
 * Returns how many, at most @max. Code for which there is no room is left out.
 */
uint32_t counted_code_pieces(const struct code_lines *lines, struct observe_program *piece, uint32_t max,
			     uint64_t *counters);

#endif
