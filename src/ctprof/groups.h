/* SPDX-License-Identifier: GPL-2.0-only */
/* groups.h -- the threads of a snapshot in groups, and one value of each metric per group. */
#ifndef KTSTR_CTPROF_GROUPS_H
#define KTSTR_CTPROF_GROUPS_H

#include "ctprof/profile.h"

enum group_by { GROUP_ALL, GROUP_PCOMM, GROUP_CGROUP, GROUP_COMM, GROUP_COMM_EXACT };

struct group_rules {
	enum group_by by;	    /* not GROUP_ALL */
	bool exact_names;	    /* names keep their numbers */
	const char *const *flatten; /* NULL-terminated patterns of control groups, or NULL */
};

struct group {
	char *name;
	const struct thread *const *thread; /* of the snapshot */
	size_t count;
	double uptime_ns; /* sum over the threads of the time since their start */
};

struct groups {
	struct group *group; /* sorted by name */
	size_t count;
	const struct thread **threads;
	const struct profile *snapshot;
};

int groups_make(const struct profile *s, const struct group_rules *rules, struct groups *ret);
void groups_done(struct groups *g);

enum value_kind {
	VALUE_UNKNOWN,
	VALUE_NUMBER,
	VALUE_RANGE,	/* low .. high; number: the middle */
	VALUE_MODE,	/* text, of `count` of `known` threads */
	VALUE_AFFINITY, /* low .. high CPUs; number: the middle */
};

struct value {
	enum value_kind kind;
	double number, low, high;
	const char *text; /* belongs to the snapshot, or is static */
	size_t count;
	size_t known; /* threads whose value is known */
};

/* The value of a row of metric_rows. */
struct value group_value(const struct group *g, unsigned metric);
/* The value of a row of derived_rows; unknown if an input is, or is divided by zero. */
struct value group_derived(const struct group *g, const struct derived_row *row);

#endif
