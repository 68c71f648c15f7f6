/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cycles.h -- shortens logs of the BPF verifier: it repeats the lines of a loop's body for each iteration. Repeated
 * blocks of lines are recognised although the values of registers differ, and replaced by their first and last
 * iteration.
 */
#ifndef KTSTR_BPFLOG_CYCLES_H
#define KTSTR_BPFLOG_CYCLES_H

#include "base/buf.h"

#define CYCLE_PERIOD_MIN 5 /* lines of an iteration */
#define CYCLE_COUNT_MIN	 3 /* iterations */
#define CYCLE_PASSES	 5 /* of cycles_collapse(), which replaces one cycle each */

struct cycle {
	size_t start;  /* index of its first line */
	size_t period; /* lines of one iteration */
	size_t count;  /* iterations; 0: there is no cycle */
};

/* Text as lines that point into it. A last line without a line feed counts. */
struct log_lines {
	struct log_line {
		const char *text;
		size_t len; /* without its line feed */
	} * item;
	size_t count;
};

int log_lines_split(const char *text, size_t len, struct log_lines *ret);
void log_lines_done(struct log_lines *l);

/*
 * The part of a line that is equal in all iterations: register states are left out. @block: the instruction's address,
 * too, so that copies of an unrolled loop are equal.
 */
struct log_line cycle_normal_form(struct log_line line, bool block);
int cycle_find(const struct log_lines *l, struct cycle *ret);
/* Appends the log with its cycles replaced. */
int cycles_collapse(const char *text, size_t len, struct buf *out);

#endif
