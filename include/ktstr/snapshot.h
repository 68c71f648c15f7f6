/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * snapshot.h -- snapshots of the guest that were taken from outside, and claims about them. For a test's `post_vm`,
 * which runs in a process on the host after the machine has ended. docs/DUMPS.md explains it.
 *
 * A value that is not there carries an error, which says what there is instead, and so do its members. The functions
 * that return numbers and texts report the error, which fails the test, and return 0 or "". None returns NULL.
 */
#ifndef KTSTR_SNAPSHOT_H
#define KTSTR_SNAPSHOT_H

#pragma GCC system_header /* see language.h */

#include <stdint.h>

#include <ktstr/check.h>

KTSTR_BEGIN_C

#define KTSTR_SNAPSHOTS_MAX 64 /* that are taken periodically */

struct ktstr_post; /* the argument of post_vm; owns all of the below */
struct ktstr_snapshot;
struct ktstr_value;
struct ktstr_series;

/* --- what a test asks for ----------------------------------------------------------------------------------------- */

/*
 * When the scenario begins, variables of the scheduler's BPF program get new values, while the guest stands still: all
 * of them, or none, and then the test is INCONCLUSIVE. A variable is a global one of .bss or .data, with members and
 * elements: "limits.slice[2]".
 */
struct ktstr_map_write {
	const char *variable;
	uint64_t value; /* of a variable of 1, 2, 4 or 8 bytes: it must fit */
};
#define KTSTR_MAP_WRITES(...) KTSTR_LIST(struct ktstr_map_write, __VA_ARGS__, { .variable = 0 })

enum ktstr_aggregation {
	KTSTR_VALUE_MEAN,    /* metric "<label>": its mean over the samples of the scenario */
	KTSTR_COUNTER_LAST,  /* its last value */
	KTSTR_PER_CPU_MEAN,  /* metrics "<label>_avg" and "<label>_max" of all CPUs and samples */
	KTSTR_PER_CPU_TOTAL, /* the sum over the CPUs at the end */
	KTSTR_AGGREGATION_MAX,
};

/*
 * A value in a BPF map that becomes a metric in the sidecar (map_metrics): "<object>_<label>". The object is the
 * scheduler's, as far as the names of its maps have it: 8 characters.
 */
struct ktstr_map_watch {
	const char *map;   /* end of the map's name; NULL: `field` is a global variable, as above */
	const char *field; /* "stats.hits"; "[3].hits": of the element 3 of an array */
	enum ktstr_aggregation aggregation;
	const char *label;
};
#define KTSTR_MAP_WATCHES(...) KTSTR_LIST(struct ktstr_map_watch, __VA_ARGS__, { .label = 0 })

/* --- snapshots ---------------------------------------------------------------------------------------------------- */

/* In the order of time: those of KTSTR_OP(CAPTURE), periodic ones ("periodic_000" ...), those of changed variables. */
unsigned ktstr_snap_count(const struct ktstr_post *p);
const struct ktstr_snapshot *ktstr_snap_at(struct ktstr_post *p, unsigned index);
/* By name; of several with one name, the last. */
const struct ktstr_snapshot *ktstr_snap(struct ktstr_post *p, const char *name);
const char *ktstr_snap_name(const struct ktstr_snapshot *s);
double ktstr_snap_ms(const struct ktstr_snapshot *s); /* guest time since the scenario's start; NaN: it was not taken */
int ktstr_snap_step(const struct ktstr_snapshot *s);  /* -1: before the first step */

/* A global variable of the scheduler's BPF program: "nr_enqueued", "stats.hits[3]". */
const struct ktstr_value *ktstr_snap_var(const struct ktstr_snapshot *s, const char *path);
/* A map of it, by the end of its name. */
const struct ktstr_value *ktstr_snap_map(const struct ktstr_snapshot *s, const char *name);
/* Anything else that a dump has (docs/dump.schema.json): "rq_scx_states[0].nr_running". */
const struct ktstr_value *ktstr_snap_get(const struct ktstr_snapshot *s, const char *path);

/* --- values ------------------------------------------------------------------------------------------------------- */

/* Members and elements, through at most 16 pointers: "ctx.stats[2].hits". */
const struct ktstr_value *ktstr_value_get(const struct ktstr_value *v, const char *path);
/* Entries of a map, or elements of an array. */
unsigned ktstr_value_count(const struct ktstr_value *v);
const struct ktstr_value *ktstr_value_at(const struct ktstr_value *v, unsigned index);
/* The first entry whose value at @path is @number; the entry where it is highest. */
const struct ktstr_value *ktstr_value_find(const struct ktstr_value *v, const char *path, int64_t number);
const struct ktstr_value *ktstr_value_max_by(const struct ktstr_value *v, const char *path);
/* Of a per-CPU map or of one of its entries: the value of one CPU. */
const struct ktstr_value *ktstr_value_cpu(const struct ktstr_value *v, unsigned cpu);

uint64_t ktstr_value_u64(const struct ktstr_value *v);
int64_t ktstr_value_i64(const struct ktstr_value *v);
bool ktstr_value_bool(const struct ktstr_value *v);
double ktstr_value_double(const struct ktstr_value *v);
const char *ktstr_value_text(const struct ktstr_value *v); /* of a text, an enumerator, a symbol */
/* Why there is no value; NULL: there is one. Does not report it. */
const char *ktstr_value_error(const struct ktstr_value *v);

/* --- claims ------------------------------------------------------------------------------------------------------- */

/* A claim and what came of it. ktstr_judge() reports it; until then it changes nothing. */
struct ktstr_claim {
	const char *label; /* not NULL */
	enum ktstr_verdict verdict;
	const char *text; /* why, or a note on a PASS; NULL: nothing to say */
};

/* A claim that is not a PASS is a finding of the test; a note is printed. */
enum ktstr_verdict ktstr_judge(struct ktstr_post *p, struct ktstr_claim claim);

#define KTSTR_CLAIMS(...) KTSTR_LIST(struct ktstr_claim, __VA_ARGS__, { .label = 0 })
/* FAIL > INCONCLUSIVE > PASS > SKIP: the first claim of the worst verdict. */
struct ktstr_claim ktstr_all_of(struct ktstr_post *p, const struct ktstr_claim *claims);
/* The first PASS; without one, FAIL > INCONCLUSIVE > SKIP, with the texts of all. */
struct ktstr_claim ktstr_any_of(struct ktstr_post *p, const struct ktstr_claim *claims);

enum ktstr_comparison {
	KTSTR_AT_LEAST,
	KTSTR_AT_MOST,
	KTSTR_LESS,
	KTSTR_GREATER,
	KTSTR_EQUAL,
	KTSTR_NOT_EQUAL,
	KTSTR_COMPARISON_MAX,
};

/* NaN is comparable to nothing: FAIL. */
struct ktstr_claim ktstr_compare(struct ktstr_post *p, const char *label, double value, enum ktstr_comparison how,
				 double bound);
struct ktstr_claim ktstr_between(struct ktstr_post *p, const char *label, double value, double low, double high);
/* KTSTR_CLAIM(p, a + b, AT_LEAST, 3): its label is the text of the expression. */
#define KTSTR_CLAIM(p, value, HOW, bound) ktstr_compare(p, #value, (double)(value), KTSTR_##HOW, bound)

/* --- series ------------------------------------------------------------------------------------------------------- */

/* A variable, or another value, over all periodic snapshots. A snapshot without the value is a gap. */
const struct ktstr_series *ktstr_series_var(struct ktstr_post *p, const char *path);
const struct ktstr_series *ktstr_series_of(struct ktstr_post *p, const char *label,
					   const struct ktstr_value *(*get)(const struct ktstr_snapshot *s));

/*
 * Patterns. Gaps are passed over with a note; for the last three they are a FAIL. NaN is a FAIL. A series without any
 * value is INCONCLUSIVE; one with too few of them for the pattern is a PASS with a note.
 */
struct ktstr_claim ktstr_nondecreasing(struct ktstr_post *p, const struct ktstr_series *s);
struct ktstr_claim ktstr_strictly_increasing(struct ktstr_post *p, const struct ktstr_series *s);
/* Increase per millisecond, from each value to the next. */
struct ktstr_claim ktstr_rate_within(struct ktstr_post *p, const struct ktstr_series *s, double low, double high);
/* From @warm_up_ms on, each value is within @tolerance * mean of their mean. */
struct ktstr_claim ktstr_steady_within(struct ktstr_post *p, const struct ktstr_series *s, double warm_up_ms,
				       double tolerance);
/* @a / @b at each snapshot. */
struct ktstr_claim ktstr_ratio_within(struct ktstr_post *p, const struct ktstr_series *a, const struct ktstr_series *b,
				      double low, double high);
/* Three values one after the other are within @tolerance of @target, the last of them by @deadline_ms. */
struct ktstr_claim ktstr_converges_to(struct ktstr_post *p, const struct ktstr_series *s, double target,
				      double tolerance, double deadline_ms);
struct ktstr_claim ktstr_always_true(struct ktstr_post *p, const struct ktstr_series *s);
struct ktstr_claim ktstr_each(struct ktstr_post *p, const struct ktstr_series *s, enum ktstr_comparison how,
			      double bound);
struct ktstr_claim ktstr_each_between(struct ktstr_post *p, const struct ktstr_series *s, double low, double high);

KTSTR_END_C

#endif
