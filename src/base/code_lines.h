/* SPDX-License-Identifier: GPL-2.0-only */
/* code_lines.h -- which line of its source each piece of machine code is of. */
#ifndef KTSTR_BASE_CODE_LINES_H
#define KTSTR_BASE_CODE_LINES_H

#include <stddef.h>
#include <stdint.h>

#define CODE_FILES_MAX 256

struct code_line {
	uint64_t address; /* of its first instruction; its last one is before the next line */
	uint32_t number;  /* 0: from here on, code is of no line that is known */
	uint32_t file;	  /* index in `file` */
};

struct code_lines {
	struct code_line *line; /* ascending addresses */
	size_t lines;
	char *file[CODE_FILES_MAX]; /* clean lines of text */
	uint32_t files;
};

/* By address; a line of one address before those that continue it. For qsort(). */
int code_lines_compare(const void *a, const void *b);
/* Index of the first line at or after @address; `lines`: there is none. */
size_t code_lines_find(const struct code_lines *l, uint64_t address);
void code_lines_done(struct code_lines *l);

#endif
