/* SPDX-License-Identifier: GPL-2.0-only */
/* thresholds.h -- the limits of all checks, merged from their layers, and the layer that set each of them. */
#ifndef KTSTR_VERDICT_THRESHOLDS_H
#define KTSTR_VERDICT_THRESHOLDS_H

#include <stdbool.h>
#include <stddef.h>

#include <ktstr/check.h>

#include "verdict/judgement.h"

/* In the order of `ktstr show-thresholds`. */
enum threshold {
	LIMIT_NOT_STUCK,
	LIMIT_ISOLATION,
	LIMIT_WEIGHTS,
	LIMIT_QUOTA,
	LIMIT_GAP,
	LIMIT_RUN_DELAY,
	LIMIT_IDLE_WAIT,
	LIMIT_IDLE_WAKEUP,
	LIMIT_P50_WAKEUP, /* this and the next eleven: of the recorded schedule of a load */
	LIMIT_P90_WAKEUP,
	LIMIT_P99_WAKEUP,
	LIMIT_P999_WAKEUP,
	LIMIT_LONGEST_WAKEUP,
	LIMIT_P50_WAIT,
	LIMIT_P90_WAIT,
	LIMIT_P99_WAIT,
	LIMIT_P999_WAIT,
	LIMIT_MIGRATION_RATE,
	LIMIT_LLC_MIGRATION_RATE,
	LIMIT_LLC_STABILITY,
	LIMIT_SPREAD,
	LIMIT_THROUGHPUT_CV,
	LIMIT_WORK_RATE,
	LIMIT_P99_WAKE,
	LIMIT_WAKE_CV,
	LIMIT_ITERATION_RATE,
	LIMIT_MIGRATION_RATIO,
	LIMIT_IMBALANCE, /* this and the next five: of the monitor */
	LIMIT_DSQ_DEPTH,
	LIMIT_STALL,
	LIMIT_SUSTAINED,
	LIMIT_FALLBACK_RATE,
	LIMIT_KEEP_LAST_RATE,
	LIMIT_PAGE_LOCALITY,
	LIMIT_CROSS_NODE,
	LIMIT_SLOW_TIER,
	LIMIT_GATE_ON_TCG, /* a switch: absolute limits are checked on tcg, too */
	LIMIT_ENFORCE,	   /* a switch: limits of the monitor can fail a test */
	LIMIT_MAX,
};

/* Layers, the lowest first. */
enum threshold_origin { FROM_DEFAULT, FROM_SCHEDULER, FROM_TEST, FROM_LOAD };

struct limit {
	bool on;		      /* false: not checked */
	double value;		      /* the limit; times are guest time */
	enum threshold_origin origin; /* the last layer that set it or switched it off */
};

struct thresholds {
	struct limit limit[LIMIT_MAX];
};

/* How a field of struct ktstr_checks is stored. */
enum check_kind { CHECK_SWITCH, CHECK_LIMIT };

struct threshold_row {
	const char *name; /* the field's name, in declarations, lists and reports */
	enum check_kind kind;
	size_t at;		  /* offset in struct ktstr_checks */
	double otherwise, strict; /* defaults of debug and of release builds; KTSTR_OFF: not checked */
	enum detail_kind finding; /* kind of the finding when the limit is broken */
};

extern const struct threshold_row threshold_rows[LIMIT_MAX];

/* @strict: the limits of release builds. */
struct thresholds thresholds_default(bool strict);
/* Merges the layer @from over @t: fields that it sets or switches off win. */
void thresholds_apply(struct thresholds *t, enum threshold_origin from, const struct ktstr_checks *checks);
/* Defaults <- scheduler <- test. */
struct thresholds thresholds_merge(bool strict, const struct ktstr_checks *scheduler, const struct ktstr_checks *test);
/* The number of the row of that name; -ENOENT: there is no such check. */
int threshold_find(const char *name);

#endif
