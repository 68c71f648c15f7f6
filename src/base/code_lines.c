/* SPDX-License-Identifier: GPL-2.0-only */
/* code_lines.c -- see code_lines.h. */
#include "base/code_lines.h"

#include <stdlib.h>

/* Where code of no line and a line begin at one address, the line is meant. */
int code_lines_compare(const void *a, const void *b)
{
	const struct code_line *x = a, *y = b;
	return (x->address > y->address) - (x->address < y->address) ?: (x->number > 0) - (y->number > 0);
}

size_t code_lines_find(const struct code_lines *l, uint64_t address)
{
	size_t low = 0, high = l->lines;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (l->line[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void code_lines_done(struct code_lines *l)
{
	for (uint32_t i = 0; i < l->files; i++)
		free(l->file[i]);
	free(l->line);
	*l = (struct code_lines){ 0 };
}
