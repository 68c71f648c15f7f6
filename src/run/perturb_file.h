/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * perturb_file.h -- the points at which CPUs were held back in one run, as a file (docs/SHRINKING.md). A run with all
 * of them is the same run; a run with some of them is another schedule.
 */
#ifndef KTSTR_RUN_PERTURB_FILE_H
#define KTSTR_RUN_PERTURB_FILE_H

#include "base/json.h"
#include "vmm/observe.h"

/* Is this argument of --perturb a file? It has a '/' in it, or ends with ".json". */
bool perturb_is_file(const char *text);

/* @p: how the points were chosen, for the reader; @point: in ascending order of hits. NULL: out of memory. */
json_t *perturb_file_json(const struct observe_perturb *p, const struct observe_point *point, unsigned count);

/*
 * Reads such a file, in which points may be left out. @ret has points, which the caller frees; a file without points
 * holds no CPU back. -EBADMSG: it is not such a file; the error names what is wrong.
 */
int perturb_file_read(const char *path, struct observe_perturb *ret, struct observe_point **ret_points,
		      struct err **err);
int perturb_file_parse(const json_t *root, struct observe_perturb *ret, struct observe_point **ret_points,
		       struct err **err);

#endif
