/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * record.h -- one sidecar, opened: the only place that knows how the text of a sidecar is read. Statistics make rows of
 * numbers from it, reports make what they print.
 *
 * The text is checked once as a whole, and the place of each member that anybody asks for is noted. Members are then
 * read where they are. Views point into the text; nothing is allocated, and nothing is clean yet (base/text.h).
 */
#ifndef KTSTR_RESULTS_RECORD_H
#define KTSTR_RESULTS_RECORD_H

#include "results/json_reader.h"
#include "results/names.h"

#define RECORD_BYTES_MAX ((size_t)64 << 20)

/* Members at the top of a sidecar that have a reader. RECORD_KEYS(X): X(ENUM, "key"). */
#define RECORD_KEYS(X)                         \
	X(SCHEMA, "schema")                    \
	X(NAME, "name")                        \
	X(TEST_NAME, "test_name")              \
	X(SUITE, "suite")                      \
	X(FILE, "file")                        \
	X(LINE, "line")                        \
	X(TOPOLOGY, "topology")                \
	X(SCHEDULER, "scheduler")              \
	X(ACCEL, "accel")                      \
	X(PAYLOAD, "payload")                  \
	X(WORK_TYPE, "work_type")              \
	X(KERNEL, "kernel")                    \
	X(KERNEL_LABEL, "kernel_label")        \
	X(KERNEL_VERSION, "kernel_version")    \
	X(KERNEL_COMMIT, "kernel_commit")      \
	X(PROJECT_COMMIT, "project_commit")    \
	X(RUN_SOURCE, "run_source")            \
	X(RESOLVE_SOURCE, "resolve_source")    \
	X(CPU_BUDGET, "cpu_budget")            \
	X(VARIANT, "variant")                  \
	X(RUN_ID, "run_id")                    \
	X(SEED, "seed")                        \
	X(TIMESTAMP, "timestamp")              \
	X(REPLAY, "replay")                    \
	X(VERDICT, "verdict")                  \
	X(FLAKY, "flaky")                      \
	X(FLAKE, "flake")                      \
	X(KNOWN_FAIL, "known_fail")            \
	X(EXPECTATIONS, "expectations")        \
	X(DETAILS, "details")                  \
	X(WALL_NS, "wall_ns")                  \
	X(DURATION_NS, "duration_ns")          \
	X(GUEST, "guest")                      \
	X(STATS, "stats")                      \
	X(MONITOR, "monitor")                  \
	X(METRICS, "metrics")                  \
	X(PHASES, "phases")                    \
	X(PERF_DELTA, "perf_delta_assertions") \
	X(HOST, "host")

#define RECORD_ENUM(id, key) RECORD_##id,
enum record_member { RECORD_KEYS(RECORD_ENUM) RECORD_MEMBER_MAX };
#undef RECORD_ENUM

/* In the order of severity; an aggregate has the most severe verdict of its parts. */
enum result_verdict { RESULT_SKIP, RESULT_PASS, RESULT_INCONCLUSIVE, RESULT_FAIL };

/* The keys, to find them fast. Made once, used for many sidecars. */
struct record_names {
	struct names member;
};
void record_names_init(struct record_names *names);

struct record {
	struct json_reader json;	   /* after record_open(): at the end, or at the error */
	const char *at[RECORD_MEMBER_MAX]; /* the value; NULL: the sidecar does not have the member */
};

/* Opens the text, which must stay. False: it is not an object of JSON; record_error() says why. */
bool record_open(struct record *r, const struct record_names *names, const char *text, size_t len);
/* "line 3, column 7: a comma is missing", or @otherwise if the text is JSON. */
void record_error(const struct record *r, const char *otherwise, char *out, size_t size);

/* A reader at the value of a member; one without any text if the sidecar does not have it. */
struct json_reader record_value(const struct record *r, enum record_member m);
/* The same at a member of the object @m. False: there is none. */
bool record_find(const struct record *r, enum record_member m, const char *key, struct json_reader *ret);

/* False: the member is missing or is not a string. */
bool record_text(const struct record *r, enum record_member m, struct json_view *ret);
/* Is the member @key of the object @m this word? Is it true, or false? */
bool record_is_word(const struct record *r, enum record_member m, const char *key, const char *word);
bool record_is_bool(const struct record *r, enum record_member m, const char *key, bool value);
/* The verdict of all tries. False: none of those that there are. */
bool record_verdict(const struct record *r, enum result_verdict *ret);
bool result_verdict_of(const struct json_view *word, enum result_verdict *ret);
/* "pass", "fail", "inconclusive", "skip" */
const char *result_verdict_name(enum result_verdict verdict);

/* One try of a test. What is missing is empty. */
struct record_try {
	struct json_view seed, verdict, cause;
};
/* A reader of the tries of `flake`, for record_next_try(). */
struct json_reader record_tries(const struct record *r);
bool record_next_try(struct json_reader *tries, struct record_try *ret);

#endif
