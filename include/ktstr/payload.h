/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * payload.h -- programs that a test runs in the guest: what to start, what of their output counts, what must hold.
 *
 * A test names them in `.payload` and `.workloads`; then they are in the guest with their libraries. They run in a
 * cgroup of the scenario, in the background, by operations or by the calls below.
 */
#ifndef KTSTR_PAYLOAD_H
#define KTSTR_PAYLOAD_H

#include <ktstr/check.h>

KTSTR_BEGIN_C

/* What of a payload's output is read, once it has ended: its standard output, else its error output. */
enum ktstr_output {
	KTSTR_OUTPUT_EXIT_CODE, /* nothing */
	KTSTR_OUTPUT_JSON,	/* every number is a metric: "jobs.0.read.iops". All of it, or the first JSON in it */
	KTSTR_OUTPUT_TAP,	/* "ok 1 name", "not ok 2 name", "# SKIP"; metrics passed, failed, skipped */
	KTSTR_OUTPUT_TEXT,	/* each of .metrics has a pattern, which finds its number in a line of the text */
	KTSTR_OUTPUT_MAX,
};

/* What is better; for comparisons between runs, no check. */
enum ktstr_polarity {
	KTSTR_POLARITY_UNKNOWN,
	KTSTR_HIGHER_BETTER,
	KTSTR_LOWER_BETTER,
	KTSTR_TARGET_VALUE, /* the nearer to `target`, the better */
	KTSTR_INFORMATIONAL,
	KTSTR_POLARITY_MAX,
};

/*
 * The run's own time, from its start to its end on the guest's clock, in nanoseconds: a metric of every payload that
 * checks and hints may name, whatever its output.
 */
#define KTSTR_WALL_TIME "wall_time_ns"

struct ktstr_metric_hint {
	const char *name; /* as it comes out: "jobs.0.read.iops" */
	enum ktstr_polarity polarity;
	double target;	  /* finite */
	const char *unit; /* at most 15 bytes, or NULL */
	/*
	 * KTSTR_OUTPUT_TEXT: a POSIX extended regular expression (regex(7)) with exactly one group, which is the
	 * number: "^Time: ([0-9.]+)$". The first line that it matches counts. KTSTR_WALL_TIME has none.
	 */
	const char *pattern;
};
#define KTSTR_METRICS(...) KTSTR_LIST(struct ktstr_metric_hint, __VA_ARGS__, { .name = 0 })

enum ktstr_payload_check_kind {
	KTSTR_CHECK_MIN,   /* metric >= low */
	KTSTR_CHECK_MAX,   /* metric <= high */
	KTSTR_CHECK_RANGE, /* low <= metric <= high */
	KTSTR_CHECK_EXISTS,
	KTSTR_CHECK_EXIT_CODE, /* instead of 0, which is what is asked of a payload that has no such check */
	KTSTR_PAYLOAD_CHECK_MAX,
};

/* A metric that is missing fails its check; of a payload that the test itself killed, it is INCONCLUSIVE. */
struct ktstr_payload_check {
	enum ktstr_payload_check_kind kind;
	const char *metric;
	double low, high; /* finite */
	unsigned code;	  /* 0 .. 255 */
};
#define KTSTR_AT_LEAST(name, v)                                       \
	{                                                             \
		.kind = KTSTR_CHECK_MIN, .metric = (name), .low = (v) \
	}
#define KTSTR_AT_MOST(name, v)                                         \
	{                                                              \
		.kind = KTSTR_CHECK_MAX, .metric = (name), .high = (v) \
	}
#define KTSTR_WITHIN(name, lo, hi)                                                     \
	{                                                                              \
		.kind = KTSTR_CHECK_RANGE, .metric = (name), .low = (lo), .high = (hi) \
	}
#define KTSTR_EXISTS(name)                                   \
	{                                                    \
		.kind = KTSTR_CHECK_EXISTS, .metric = (name) \
	}
#define KTSTR_EXIT_CODE(n)                                 \
	{                                                  \
		.kind = KTSTR_CHECK_EXIT_CODE, .code = (n) \
	}
#define KTSTR_PAYLOAD_CHECKS(...) \
	KTSTR_LIST(struct ktstr_payload_check, __VA_ARGS__, { .kind = KTSTR_PAYLOAD_CHECK_MAX })

struct ktstr_payload {
	const char *name; /* set by KTSTR_PAYLOAD */
	const char *file;
	unsigned line;
	/* A path, or a name that is looked up beside the test binary, in the current directory, and in PATH. */
	const char *binary;
	/*
	 * A directory of what was built with the kernel, "selftests/sched_ext": the binary is looked up there and
	 * nowhere else. Where the kernel has it not, the test is a SKIP.
	 */
	const char *kit;
	const char *const *args; /* KTSTR_ARGS(...), or NULL */
	enum ktstr_output output;
	const char *tap_test; /* TAP: only this one's result counts, and it must be there; NULL: all */
	const struct ktstr_payload_check *checks; /* KTSTR_PAYLOAD_CHECKS(...) */
	const struct ktstr_metric_hint *metrics;  /* KTSTR_METRICS(...) */
	const char *const *include_files;	  /* host files and directories, in the guest under /include-files */
	unsigned timeout_ms;			  /* of its life, guest time; 0: twice the test's duration and 10 s */
	bool uses_parent_pgrp;			  /* stays in the test's process group; else it has one of its own */
};

/* Defines `static const struct ktstr_payload id`. */
#define KTSTR_PAYLOAD(id, ...) \
	static const struct ktstr_payload id = { .name = #id, .file = __FILE__, .line = __LINE__, ##__VA_ARGS__ }
#define KTSTR_PAYLOADS(...) KTSTR_LIST(const struct ktstr_payload *, __VA_ARGS__, 0)

struct ktstr_metric {
	const char *name;
	double value;
};

/* What came of one run. The strings and lists last as long as the test. */
struct ktstr_payload_result {
	enum ktstr_verdict verdict;
	int exit_code; /* -1: it ended by a signal */
	int signal;
	const struct ktstr_metric *metric; /* in the order of its output */
	unsigned metrics;
};

struct ktstr_payload_run {
	const struct ktstr_payload *payload;
	const char *cgroup;			  /* one of the scenario's; NULL: a place beside them */
	const char *const *args;		  /* behind its own */
	const struct ktstr_payload_check *checks; /* further ones */
};

/*
 * For bodies, watch functions and KTSTR_OP_CALL. What is wrong is said in the report, and decides the test with or
 * without the body's help; @ret may be NULL. A run that could not even begin is a handle like any other, whose wait
 * says so.
 */
enum ktstr_verdict ktstr_payload_run(struct ktstr_ctx *t, const struct ktstr_payload_run *run,
				     struct ktstr_payload_result *ret);
/* A handle, 0 and up; negative errno when there are too many at once (64). */
int ktstr_payload_spawn(struct ktstr_ctx *t, const struct ktstr_payload_run *run);
enum ktstr_verdict ktstr_payload_wait(struct ktstr_ctx *t, int handle, struct ktstr_payload_result *ret);
/* False: it still runs. */
bool ktstr_payload_try_wait(struct ktstr_ctx *t, int handle, struct ktstr_payload_result *ret);
/* SIGTERM, and after 2 s SIGKILL for all of its processes. What it printed until then counts. */
enum ktstr_verdict ktstr_payload_kill(struct ktstr_ctx *t, int handle, struct ktstr_payload_result *ret);

#define KTSTR_RUN_PAYLOAD(t, p, ...) \
	ktstr_payload_run((t), KTSTR_LIST(struct ktstr_payload_run, { .payload = (p), ##__VA_ARGS__ }), 0)

KTSTR_END_C

#endif
