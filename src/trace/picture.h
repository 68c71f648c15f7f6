/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * picture.h -- a time of a recorded schedule as a picture (SVG): a row a CPU with what ran there, in the colours of
 * control groups, and a row a worker that shows when it ran, and when it waited for a CPU.
 */
#ifndef KTSTR_TRACE_PICTURE_H
#define KTSTR_TRACE_PICTURE_H

#include "schedule/log_reader.h"

struct picture_config {
	uint64_t from_ns, to_ns;       /* the time that it shows */
	struct schedule_moment moment; /* marked, and its task comes first */
	int cpu;		       /* only this one; -1: all */
};

/* Reads all events of @reader. Appends the picture; its size does not depend on how many there are. */
int picture_draw(struct schedule_log_reader *reader, const struct picture_config *config, struct buf *out,
		 struct err **err);

#endif
