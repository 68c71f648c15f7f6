/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * history.h -- earlier runs: a run moves the results that it replaces to {root}/.history/{run}/{UTC}-{id}, and removes
 * the oldest ones.
 */
#ifndef KTSTR_RUN_HISTORY_H
#define KTSTR_RUN_HISTORY_H

#include <time.h>

#include "base/err.h"

#define HISTORY_RUNS_DEFAULT 20
#define HISTORY_RUNS_MAX     100000
#define HISTORY_BYTES_MAX    ((uint64_t)1 << 30) /* of all earlier runs of one directory together */

struct history {
	int root;	  /* the directory of all runs; borrowed */
	const char *path; /* its path, for messages; borrowed */
	const char *run;  /* name of the run's directory; borrowed */
	unsigned keep;	  /* earlier runs to keep; 0: results are removed instead */
	time_t when;	  /* of the results that are moved */
	int all, entry;	  /* .history/{run}, and the directory that results are moved to; -1: not open yet */
	char name[64];	  /* of the latter */
	size_t moved;
};

#define HISTORY_NULL ((struct history){ .root = -1, .all = -1, .entry = -1 })

/*
 * Moves the file @name of the directory @dir to the earlier run, which the first call creates. If it cannot be moved,
 * or nothing is kept, it is removed, because it must not be taken for a result of the run that begins.
 */
void history_take(struct history *h, int dir, const char *name);
/* Removes the oldest earlier runs, until there are at most `keep` with at most HISTORY_BYTES_MAX. */
void history_trim(struct history *h);
void history_done(struct history *h);

#endif
