/* SPDX-License-Identifier: GPL-2.0-only */
/* results.h -- all results below a directory, from the index as far as it is current, and else from the sidecars. */
#ifndef KTSTR_STATS_RESULTS_H
#define KTSTR_STATS_RESULTS_H

#include "stats/pool.h"
#include "results/scan.h"

struct results_query {
	const char *root;
	const char *cache; /* directory of the index; NULL: none is used */
	enum scan_scope scope;
	bool archive; /* the results are called "archive", wherever they come from */
};

struct results {
	struct scan scan;
	struct pool pool;		       /* row i is that of file i of the scan */
	size_t read;			       /* sidecars that were read, because the index did not have them */
	size_t invalid;			       /* files that are no sidecars, or could not be read */
	size_t unusable;		       /* numbers that are too large or too long to be values: not measured */
	size_t unusable_files, unusable_first; /* how many files have them, and the first of these */
	size_t missing; /* files that vanished, or are not regular files; their rows have no test */
};

/* Blocks, and uses a thread for each CPU. */
int results_load(const struct results_query *q, struct results *ret, struct err **err);
void results_done(struct results *r);
/* Is this row a result? False for files that could not be read. */
bool result_is_valid(const struct row *row);

#endif
