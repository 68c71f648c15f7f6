/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * edits.h -- ways to make a scenario file smaller, in the order of what they save: parts of lists left out, fields left
 * out, numbers made smaller. An edited file may make no sense; whoever runs it finds out.
 */
#ifndef KTSTR_SHRINK_EDITS_H
#define KTSTR_SHRINK_EDITS_H

#include <jansson.h>

#include "base/buf.h"

/*
 * A copy of the scenario file @root with edit number @index, from 0; a new reference. NULL: there is no such edit (or
 * no memory). @what: appends what is done, "leave out scenario/steps[2..3]"; NULL: not wanted.
 */
json_t *edits_apply(const json_t *root, size_t index, struct buf *what);

/* How large a scenario is. */
struct scenario_size {
	unsigned steps, operations, cgroups, workers, cpus, duration_s, values; /* values: all leaves of the file */
};
struct scenario_size scenario_size(const json_t *root);

#endif
