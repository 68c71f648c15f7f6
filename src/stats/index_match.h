/* SPDX-License-Identifier: GPL-2.0-only */
/* index_match.h -- finds a file of a scan by its directory and its name. */
#ifndef KTSTR_STATS_INDEX_MATCH_H
#define KTSTR_STATS_INDEX_MATCH_H

#include "results/scan.h"

struct index_match {
	const struct scan *scan;
	uint32_t *bucket; /* number of a directory + 1; 0: free */
	uint32_t mask;
	/* What is looked for next is mostly the next file of the same directory. */
	const struct scan_directory *last;
	size_t next;
};

bool index_match_init(struct index_match *m, const struct scan *s);
void index_match_done(struct index_match *m);
/* SIZE_MAX: there is no such file. */
size_t index_match_find(struct index_match *m, const char *directory, const char *name);

#endif
