/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * metrics.h -- what a profile knows about a thread: one row per metric, with its source, its unit, and the rule that
 * makes one value of a group of threads. Capture, files, comparison and `ktstr ctprof metric-list` use this table.
 */
#ifndef KTSTR_CTPROF_METRICS_H
#define KTSTR_CTPROF_METRICS_H

#include <stdbool.h>
#include <stdint.h>

enum section {
	SECTION_PRIMARY,
	SECTION_TASKSTATS_DELAY,
	SECTION_DERIVED,
	SECTION_CGROUP_STATS,
	SECTION_CGROUP_LIMITS,
	SECTION_MEMORY_STAT,
	SECTION_MEMORY_EVENTS,
	SECTION_PRESSURE,
	SECTION_HOST_PRESSURE,
	SECTION_SMAPS_ROLLUP,
	SECTION_SCHED_EXT,
	SECTION_MAX,
};

enum unit { UNIT_NONE, UNIT_COUNT, UNIT_NS, UNIT_USEC, UNIT_BYTES, UNIT_KIB, UNIT_TICKS, UNIT_RATIO, UNIT_MAX };

/* How the values of a group's threads become one. */
enum rule {
	RULE_SUM,
	RULE_MAX,
	RULE_MIN,
	RULE_RANGE,    /* lowest and highest */
	RULE_MODE,     /* the most frequent text */
	RULE_AFFINITY, /* the number of CPUs */
	RULE_DERIVED,  /* computed from other rows of the group */
};

/* Files below /proc/PID/task/TID, and other sources. */
enum source {
	SOURCE_STAT,
	SOURCE_SCHEDSTAT,
	SOURCE_SCHED,
	SOURCE_STATUS,
	SOURCE_IO,
	SOURCE_CGROUP,
	SOURCE_SMAPS_ROLLUP,
	SOURCE_TASKSTATS,
	SOURCE_ALLOCATOR, /* the allocator's counters: not read */
	SOURCE_MAX,
};

/* Metrics that code names. Their rows stand first in the table, in this order. */
enum {
	METRIC_RUN_TIME,
	METRIC_WAIT_TIME,
	METRIC_TIMESLICES,
	METRIC_WAKEUPS_AFFINE,
	METRIC_WAKEUPS_AFFINE_ATTEMPTS,
	METRIC_SLEEP_SUM, /* as the kernel counts it: with the time of uninterruptible sleep */
	METRIC_BLOCK_SUM,
	METRIC_IOWAIT_SUM,
	METRIC_IOWAIT_COUNT,
	METRIC_VOLUNTARY_CSW,
	METRIC_NONVOLUNTARY_CSW,
	METRIC_RCHAR,
	METRIC_READ_BYTES,
	METRIC_ALLOCATED,
	METRIC_DEALLOCATED,
	METRIC_NR_THREADS,
	METRIC_POLICY,
	METRIC_STATE,
	METRIC_EXT_ENABLED,
	METRIC_AFFINITY,
	METRIC_NAMED_MAX,
	METRIC_ROWS_MAX = 128, /* more than the table has */
};

enum {
	DELAY_CPU,
	DELAY_BLKIO,
	DELAY_SWAPIN,
	DELAY_FREEPAGES,
	DELAY_THRASHING,
	DELAY_COMPACT,
	DELAY_WPCOPY,
	DELAY_IRQ,
	DELAY_MAX
};
/* Each delay has four rows. */
enum { DELAY_COUNT, DELAY_TOTAL, DELAY_PEAK, DELAY_LEAST, DELAY_ROWS };

struct metric_row {
	const char *name;
	enum section section;
	enum unit unit;
	enum rule rule;
	enum source source;
	const char *key; /* the name in a file of "name value" lines */
	unsigned field;	 /* the number of a field, from 1; or the offset in struct taskstats */
	unsigned since;	 /* the first version of struct taskstats that has it */
	const char *tags;
	const char *meaning;
};

/* Ended by a NULL name. */
extern const struct metric_row metric_rows[];
unsigned metric_row_count(void);
/* The row of a delay: @delay is DELAY_CPU ..., @what is DELAY_COUNT ... */
unsigned metric_delay(unsigned delay, unsigned what);
const struct metric_row *metric_row_find(const char *name);

/* Computed from the values of a group. */
enum derived_form {
	FORM_QUOTIENT,	 /* a / b */
	FORM_SHARE,	 /* a / (a + b) */
	FORM_DIFFERENCE, /* a - b */
	FORM_OFF_CPU,	 /* the sum of all delays; swapping counts once */
};

struct derived_row {
	const char *name;
	enum unit unit;
	enum derived_form form;
	unsigned a, b;
	enum section section;
	const char *meaning;
};
extern const struct derived_row derived_rows[]; /* ended by a NULL name */

extern const char *const section_names[]; /* ended by NULL */
extern const char *const unit_names[];
extern const char *const source_names[];

#endif
