/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model.h -- results of tests as all report formats read them. They are read from sidecars, so a report can be written
 * at the end of a run, later, and on another machine. Sidecars may come from others: every text is clean (text.h) and
 * limited in length, and a key that is missing or has another type is empty.
 */
#ifndef KTSTR_FORMATS_MODEL_H
#define KTSTR_FORMATS_MODEL_H

#include <stdbool.h>
#include <time.h>

#include "base/json.h"
#include "base/result_name.h"
#include "base/time.h"
#include "results/record.h"

/* How a test ended, the gravest first. Reports list results in this order. */
enum test_outcome {
	OUTCOME_FAIL,
	OUTCOME_XPASS,	    /* passed despite a known failure */
	OUTCOME_NOT_RUN,    /* planned, but there is no result */
	OUTCOME_UNREADABLE, /* there is a file, but it could not be read */
	OUTCOME_INCONCLUSIVE,
	OUTCOME_FLAKY, /* passed, but not in every try */
	OUTCOME_XFAIL, /* failed as known */
	OUTCOME_SKIP,
	OUTCOME_PASS,
	OUTCOME_MAX,
};

struct outcome_row {
	const char *word;   /* "fail", in programs' formats */
	const char *phrase; /* "failed", after a number */
	const char *sign;   /* one letter */
};

extern const struct outcome_row outcome_rows[OUTCOME_MAX];

/* The measurements that reports show in columns: the worst of all control groups of a test. */
enum measure { MEASURE_GAP, MEASURE_RUN_DELAY, MEASURE_WAKE, MEASURE_SPREAD, MEASURE_ITERATIONS, MEASURE_MAX };

struct measure_row {
	const char *key;   /* in "stats" of the sidecar */
	const char *label; /* heading of a column */
	double to_ns;	   /* factor to nanoseconds; 0: not a time */
};

extern const struct measure_row measure_rows[MEASURE_MAX];

struct report_result {
	enum test_outcome outcome;
	bool bad;   /* the exit status of the run says so */
	bool final; /* no further try follows */
	char *name, *test, *suite, *file, *topology, *scheduler, *accel, *payload;
	char *kernel, *kernel_label, *kernel_version, *variant, *commit, *run_id, *seed, *timestamp, *replay;
	char *cause;   /* the first finding that explains it; of a flaky test, that of the first failed try */
	char *reason;  /* why it is known to fail */
	char *sidecar; /* path as it was read; "": not stored */
	unsigned line; /* of its declaration in `file`; 0: unknown */
	time_t ended;
	nsec_t wall, duration, guest_time;
	double measure[MEASURE_MAX]; /* 0: not measured */
	unsigned tries, passed, required, repeat;
	size_t host;  /* index in hosts; SIZE_MAX: unknown */
	json_t *json; /* the sidecar without "host"; NULL for a test that passed at the first try */
};

/* Every text of a result: its member in the sidecar (RECORD_MEMBER_MAX: made from several), and its place here. */
struct result_text {
	enum record_member member;
	size_t at, most;
};

extern const struct result_text result_texts[]; /* ended by a size of 0 */

static inline char **result_text(struct report_result *r, const struct result_text *row)
{
	return (char **)((char *)r + row->at);
}

struct report_results {
	struct report_result *item;
	size_t count, room;
	json_t *hosts;	     /* array of host contexts, each once */
	json_t *seen;	     /* {digest of a host context: index} */
	size_t damaged;	     /* sidecars that could not be read, or not their details */
	struct buf problems; /* a line for each of them */
	bool interrupted;    /* a signal ended the run before its tests had ended */
};

#define RESULTS_NULL	  ((struct report_results){ 0 })
#define RESULTS_PROBLEMS  50		 /* most lines in `problems` */
#define RESULTS_TEXT_MAX  ((size_t)4096) /* bytes of a finding or a replay line */
#define RESULTS_WORD_MAX  ((size_t)512)	 /* bytes of a name */
#define RESULTS_COUNT_MAX ((size_t)1 << 20)

void report_results_done(struct report_results *r);
/* Reads one sidecar. One that cannot be read is a result without a verdict, noted in `problems`, and no error. */
int report_results_add_file(struct report_results *r, const char *path, struct err **err);
/* Reads a sidecar, or those in a directory; directories without any are searched down to a depth. -ENODATA: none. */
int report_results_add_path(struct report_results *r, const char *path, struct err **err);
/* A planned test that has no result. Texts may be NULL. */
struct missing_result {
	const char *name, *suite, *topology, *scheduler, *kernel_label, *replay, *why;
};
int report_results_add_missing(struct report_results *r, const struct missing_result *m, struct err **err);
/* Sorts by suite, test, name and kernel, and drops earlier tries of a test whose final one is there. */
void report_results_sort(struct report_results *r);
/* Indices of the results, the gravest outcome first. The caller frees the array. NULL: out of memory. */
size_t *report_results_by_gravity(const struct report_results *r);

struct result_counts {
	size_t outcome[OUTCOME_MAX];
	size_t bad, total;
	nsec_t wall; /* sum over the tests */
	time_t first, last;
};
struct result_counts report_results_count(const struct report_results *r);
/* "12 tests: 1 failed, 11 passed": every count that is not 0. */
void report_results_summary(const struct result_counts *c, struct buf *out);
/* Was it stopped because its run was interrupted? */
bool result_is_cut(const struct report_result *r);
/* The results that have findings worth a page: all except those that passed at the first try. */
bool result_has_page(const struct report_result *r);

/*
 * Texts of `json` are not clean yet. Append @text cleaned, as text or as one line, cut to about @most bytes, with a
 * mark. NULL is empty.
 */
void result_clean(const char *text, size_t most, struct buf *out);
void result_clean_line(const char *text, size_t most, struct buf *out);
/* The member @key of an object of `json` as a clean line; empty if it is not a string. */
void result_member(const json_t *object, const char *key, size_t most, struct buf *out);

/* Appends at most @most bytes of the failure report beside the sidecar, its middle left out. False: there is none. */
bool result_report(const struct report_result *r, size_t most, struct buf *out);
/* Bytes of a log for each of @pages results, so that all together stay below @budget. */
size_t result_log_share(size_t budget, size_t pages, size_t most);

#endif
