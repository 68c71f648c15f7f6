/* SPDX-License-Identifier: GPL-2.0-only */
/* read_files.h -- reads many sidecars in parallel. */
#ifndef KTSTR_STATS_READ_FILES_H
#define KTSTR_STATS_READ_FILES_H

#include "results/scan.h"
#include "stats/pool.h"

/* What one thread has read: row i of the pool is that of file[i]. */
struct read_batch {
	struct pool pool;
	const size_t *file;
	size_t count;
	struct read_batch *next;
};
typedef void read_batch_fn(void *data, const struct read_batch *batch);

/*
 * Reads @count files of @s, and notes what they were when they were read; those that are not there are not known. The
 * calling thread gives each batch to @take while other threads read the next ones, and reads too when none is there.
 * The order is not that of the files.
 */
int read_files(struct scan *s, const size_t *file, size_t count, read_batch_fn *take, void *data);

#endif
