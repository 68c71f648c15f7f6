/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cell_constants.h -- the constants that schedulers had in cells of the verifier sweep, one file a cell beside its
 * sidecar. With them, other cells verify the same topology in a machine that does not have it.
 */
#ifndef KTSTR_RUN_CELL_CONSTANTS_H
#define KTSTR_RUN_CELL_CONSTANTS_H

#include <jansson.h>

#include "monitor/rodata.h"
#include "topo/presets.h"

struct cell_constants {
	char *label;  /* the scheduler, with its profile */
	char *kernel; /* the version that it ran on; NULL: the file does not say it */
	const struct preset *preset;
	struct rodata data;
};

struct cell_constants_list {
	struct cell_constants *item;
	size_t count;
};

/* NULL: out of memory. */
json_t *cell_constants_json(const char *label, const char *kernel, const char *preset, const struct rodata *data);
/*
 * Adds what the files of a directory of results have.
 * -ENOENT: the directory has no such file.
 */
int cell_constants_read(const char *dir, struct cell_constants_list *list, struct err **err);
/*
 * Those of a cell on the kernel of this version, because a scheduler that comes with the kernel is another program on
 * each; else those of the first cell on another kernel. @kernel: NULL prefers none. NULL: none are known.
 */
const struct cell_constants *cell_constants_find(const struct cell_constants_list *list, const char *label,
						 const char *kernel, const struct preset *preset);
void cell_constants_done(struct cell_constants_list *list);

#endif
