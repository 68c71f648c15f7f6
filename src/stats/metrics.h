/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * metrics.h -- the table of registered metrics: which direction is good, what counts as a change, how values combine.
 *
 * `ktstr stats list-metrics`, `ktstr help metrics` and docs/METRICS.md are made from it. Other metrics (of payloads)
 * are compared by what the sidecar says of them.
 */
#ifndef KTSTR_STATS_METRICS_H
#define KTSTR_STATS_METRICS_H

#include <stdbool.h>
#include <stddef.h>

/* In the order of the words in sidecars: unknown, higher_better, lower_better, target_value, informational. */
enum metric_polarity { METRIC_UNKNOWN, METRIC_HIGHER, METRIC_LOWER, METRIC_TARGET, METRIC_INFO, METRIC_POLARITY_MAX };

/* How the values of one run's parts become its value. Over several runs all are averaged, except as noted. */
enum metric_kind {
	METRIC_COUNTER,	   /* sum */
	METRIC_PEAK,	   /* maximum */
	METRIC_GAUGE_AVG,  /* mean, weighted by samples */
	METRIC_GAUGE_MAX,  /* maximum of the samples */
	METRIC_RATE,	   /* quotient of two counters; over several runs, that of their sums */
	METRIC_WAKE,	   /* of the distribution of wake-up latencies */
	METRIC_RUN_DELAY,  /* of the distribution of waits for a CPU */
	METRIC_TIMER,	   /* of the distribution of timer latencies */
	METRIC_WORST,	   /* largest value of such a distribution; over several runs, the maximum */
	METRIC_LOWEST,	   /* lowest value of a part that has one */
	METRIC_TAIL_RATIO, /* largest p99 / median of a part with 100 iterations or more */
	METRIC_PER_PHASE,  /* phases have it; a run has none */
	METRIC_KIND_MAX,
};

/* Where a sidecar has the value. */
enum metric_place {
	METRIC_IN_STATS,     /* stats.NAME, or stats.ext_metrics.NAME */
	METRIC_IN_MONITOR,   /* monitor.KEY */
	METRIC_IN_EVENTS,    /* monitor.event_deltas.KEY */
	METRIC_IN_SCHEDSTAT, /* monitor.schedstat_deltas.KEY */
	METRIC_DERIVED,	     /* computed from two others */
};

struct metric {
	const char *name;
	enum metric_polarity polarity;
	double least, share; /* a change counts if it is at least this large, and this share of the former value */
	const char *unit;    /* "" if none */
	enum metric_kind kind;
	enum metric_place place;
	bool hidden;		/* only a part of a rate */
	bool integer;		/* counted in whole numbers: means are rounded */
	const char *key;	/* the sidecar's key; NULL: the name */
	const char *num, *den;	/* METRIC_RATE: names of the counters */
	const char *short_name; /* in the analysis of one run (`ktstr stats`); NULL: not examined there */
	const char *description;
};

extern const struct metric metrics[]; /* ended by a NULL name */
/* The first rows: a result without such a value has 0. */
#define METRICS_OF_EVERY_RUN 19
size_t metrics_count(void);
/* The row with this name, or NULL. */
const struct metric *metric_find(const char *name, size_t len);
/* The row of metrics that a test may have many of, such as "insns_per_call.*", to which @name belongs; or NULL. */
const struct metric *metric_find_family(const char *name);
/* Does the name equal @pattern, or begin with what stands before the '*' at its end? */
bool metric_pattern_matches(const char *pattern, const char *name);
/* Its place in the table. */
size_t metric_index(const struct metric *m);
/* "lower", "higher", "target", "unknown", "informational" */
const char *metric_polarity_name(enum metric_polarity polarity);
/* "counter", "peak", "gauge(avg)", "rate", "distribution(wake)" ... */
const char *metric_kind_name(enum metric_kind kind);
/* A number that changes with the table, for files that depend on it. */
unsigned metrics_fingerprint(void);

#endif
