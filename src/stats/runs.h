/* SPDX-License-Identifier: GPL-2.0-only */
/* runs.h -- the runs below a directory, and the values of the dimensions that results have. */
#ifndef KTSTR_STATS_RUNS_H
#define KTSTR_STATS_RUNS_H

#include "base/json.h"
#include "stats/results.h"

/* One run: a directory of results, with those one level below it. */
struct run {
	char *name; /* below the root; ".history/RUN/TIME-ID" of an earlier one */
	size_t tests;
	const char *date; /* the earliest timestamp; NULL: none */
	const char *arch; /* of the first result that has one; NULL: none */
	int64_t mtime_ns;
};

struct runs {
	struct run *item;
	size_t count;
};

/* All runs, the one that changed last first. Texts belong to @r. -ENOMEM. */
int runs_of(const struct results *r, struct runs *ret);
void runs_done(struct runs *runs);

/* Is a directory (below the root) that of the run @name, or one inside of it? "TIME-ID" alone names an earlier run. */
bool is_of_run(const char *directory, const char *name);

/* Distinct values of @d over all results, sorted, with NULL first if a result has none. The caller frees the list. */
int dimension_values(const struct results *r, enum dimension d, const char ***ret, size_t *ret_count);

/* The whole sidecar of row @row, for what rows do not have; NULL with an error. */
json_t *result_read_file(const struct results *r, size_t row, struct err **err);
/* The first `host` object among the results of @rows (numbers of rows), a new reference; NULL: none has one. */
json_t *result_find_host(const struct results *r, const size_t *rows, size_t count);

#endif
