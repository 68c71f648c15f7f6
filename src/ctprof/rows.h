/* SPDX-License-Identifier: GPL-2.0-only */
/* rows.h -- the rows of `ktstr ctprof show` and `compare`: one metric of one group, of one or two snapshots. */
#ifndef KTSTR_CTPROF_ROWS_H
#define KTSTR_CTPROF_ROWS_H

#include "ctprof/groups.h"

#define SORT_KEYS_MAX 16

struct sort_key {
	const char *metric;
	bool ascending;
};

struct rows_request {
	const struct profile *a, *b;		 /* @a is NULL: rows of one snapshot, @b */
	struct group_rules rules;		 /* GROUP_ALL: a block each by cgroup, pcomm and comm */
	unsigned sections;			 /* bits 1 << enum section; 0: all */
	const char *const *metrics;		 /* NULL-terminated names; NULL: all */
	struct sort_key sort[SORT_KEYS_MAX + 1]; /* ended by a NULL metric */
	size_t limit;				 /* rows of a block; 0: all */
};

struct row {
	enum section section;
	const char *group, *metric, *tags;
	enum unit unit;
	size_t threads_a, threads_b;
	struct value a, b;
	double delta;	/* b - a; NAN: not two numbers */
	double percent; /* of a; NAN: none, or a ratio */
	double uptime;	/* percent of the threads' time since their start; NAN: not a sum of times */
	bool is_sum;
	size_t group_index, order;
};

struct row_block {
	enum group_by by;
	struct row *row;
	size_t count, room, left_out;
	const char **only_a, **only_b; /* names of groups of one side; NULL-terminated */
	size_t groups;
	/* owners of what rows point to */
	struct groups groups_a, groups_b;
	json_t *kept; /* array of objects and texts */
	bool failed;  /* out of memory */
};

#define ROW_BLOCKS_MAX 3

struct rows {
	struct row_block block[ROW_BLOCKS_MAX];
	unsigned count;
};

/* The snapshots and the request's strings must outlive the rows. */
int rows_make(const struct rows_request *q, struct rows *ret);
void rows_done(struct rows *r);

#endif
