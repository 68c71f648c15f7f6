/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pool.h -- many results in memory, as rows of numbers. Texts are kept once and known by their number, so that two are
 * compared by comparing numbers; 0 is "none" (null in the sidecar).
 */
#ifndef KTSTR_STATS_POOL_H
#define KTSTR_STATS_POOL_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "results/record.h"
#include "stats/metrics.h"

/* What results differ in. dimensions[] has their names. */
enum dimension {
	DIMENSION_KERNEL,
	DIMENSION_COMMIT,
	DIMENSION_KERNEL_COMMIT,
	DIMENSION_SOURCE,
	DIMENSION_CPU_BUDGET,
	DIMENSION_SCHEDULER,
	DIMENSION_TOPOLOGY,
	DIMENSION_WORK_TYPE,
	DIMENSION_RESOLVE_SOURCE,
	DIMENSION_BACKEND,
	DIMENSION_SEED,
	DIMENSION_MAX,
};

struct dimension_row {
	const char *name;   /* in outputs: "kernel_commit" */
	const char *option; /* in options: "kernel-commit" */
	enum record_member member;
	bool number; /* sorted and printed as a number */
	bool pairs;  /* results of different values are not paired */
};
extern const struct dimension_row dimensions[DIMENSION_MAX];

enum result_state { RESULT_VALID, RESULT_CORRUPT, RESULT_UNREADABLE };

/* One sidecar. */
struct row {
	uint32_t directory, file; /* texts: the directory below the root, the file's name */
	uint32_t name, test;	  /* texts: "gauntlet/x/tiny", "x" */
	uint32_t of[DIMENSION_MAX];
	uint32_t arch, timestamp;
	uint32_t error; /* text, unless the state is RESULT_VALID */
	uint8_t state, verdict;
	uint32_t values, first; /* its values: pool->metric[first ...], pool->value[first ...] */
};

/* A metric that is not in the table: what the sidecar said of it. */
struct other_metric {
	uint32_t name, unit; /* texts */
	enum metric_polarity polarity;
	int phase;		   /* number of the phase that has it: "phase[2].stall_count"; -1: the whole run */
	const struct metric *like; /* the registered metric that a phase has, or its family; NULL: none */
	uint32_t last;		   /* row.first of the last row that got a value of it, and 1; 0: none */
};

#define PHASES_MAX 64 /* phases of a test whose metrics are kept */

struct pool {
	struct row *row;
	size_t rows, row_room;
	uint16_t *metric; /* below metrics_count(): of the table; above it: other[] */
	double *value;
	size_t values, value_room;
	struct other_metric *other;
	size_t others;
	uint16_t *other_of; /* by the number of its name: the place in other[], and 1; 0: none */
	uint32_t other_room;
	const char **text; /* text[0] is NULL */
	uint32_t texts, text_room;
	uint32_t *bucket; /* open addressing by hash; 0: free */
	uint32_t buckets;
	char **block; /* the memory of the texts */
	size_t blocks, block_used, block_size;
	bool sorted; /* the values of rows with very many are in the order of metrics */
	bool failed; /* memory ran out: the pool is not complete */
};

#define OTHER_METRICS_MAX 60000
/*
 * The value of a number that no double can hold, or that is longer than numbers are: it is there, and not measured.
 * Other values are finite. (NaN would become NULL in SQLite.)
 */
#define VALUE_UNUSABLE INFINITY

void pool_init(struct pool *p);
void pool_done(struct pool *p);
/* The number of a text; 0 for NULL, and if memory runs out. */
uint32_t pool_text(struct pool *p, const char *text, size_t len);
/* The number of a metric that is not in the table. UINT16_MAX: there are too many. */
uint16_t pool_other(struct pool *p, uint32_t name, uint32_t unit, enum metric_polarity polarity);
/* Adds an empty row, whose values are added next. */
struct row *pool_add_row(struct pool *p);
void pool_add_value(struct pool *p, struct row *row, uint16_t metric, double value);
/* Has the row, which was added last, a value of the metric, be it unusable? */
bool pool_has_value(const struct pool *p, const struct row *row, uint16_t metric);
/* Makes row_value() fast for rows with very many values; for when all are there. */
void pool_sort_values(struct pool *p);
/* Copies rows of a pool to another, in which texts and metrics have other numbers. */
struct pool_copy {
	struct pool *to;
	const struct pool *from;
	uint32_t *text;	 /* by the number in @from: that in @to; 0: not copied */
	uint16_t *other; /* of metrics that are not in the table */
};
bool pool_copy_init(struct pool_copy *c, struct pool *to, const struct pool *from);
void pool_copy_row(struct pool_copy *c, const struct row *from, struct row *to);
void pool_copy_done(struct pool_copy *c);

/*
 * A value of a row. Metrics that every run has are 0 where the sidecar has none, except for those that are absent on
 * purpose; NaN: absent, or unusable.
 */
double row_value(const struct pool *p, const struct row *row, uint16_t metric);
/* The phase that a metric is of; -1: the whole run. 0 is the baseline, N the hold of step N - 1. */
int pool_metric_phase(const struct pool *p, uint16_t metric);
/* The row of the table whose limits count for a metric; NULL: none. */
const struct metric *pool_metric_like(const struct pool *p, uint16_t metric);
const char *pool_metric_name(const struct pool *p, uint16_t metric);
const char *pool_metric_unit(const struct pool *p, uint16_t metric);
enum metric_polarity pool_metric_polarity(const struct pool *p, uint16_t metric);

#endif
