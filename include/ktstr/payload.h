/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * payload.h -- programs that a test runs in the guest: how to start them, how to read their output, what to check.
 *
 * A test names its payloads in `.payload` and `.workloads`; ktstr copies them into the guest with their libraries. They
 * run in the background, in a cgroup of the scenario. Operations or the calls below start them.
 */
#ifndef KTSTR_PAYLOAD_H
#define KTSTR_PAYLOAD_H

#pragma GCC system_header /* see language.h */

#include <ktstr/check.h>

KTSTR_BEGIN_C

/*
 * How a payload's standard output is read when it has ended. Its standard error is read instead if the standard output
 * is empty, or has no JSON in it (JSON), or no number that was asked for (LLM).
 */
enum ktstr_output {
	KTSTR_OUTPUT_EXIT_CODE, /* nothing */
	KTSTR_OUTPUT_JSON, /* every number is a metric: "jobs.0.read.iops". The whole output, or the first JSON in it */
	KTSTR_OUTPUT_TAP,  /* "ok 1 name", "not ok 2 name", "# SKIP"; metrics passed, failed, skipped */
	KTSTR_OUTPUT_TEXT, /* each of .metrics has a pattern, which finds its number in a line of the text */
	/*
	 * After the machine has ended, ktstr on the host asks a language model which numbers the text has. Metrics that
	 * checks or .metrics name are asked for by name. In the guest, the run has no metrics.
	 */
	KTSTR_OUTPUT_LLM,
	KTSTR_OUTPUT_MAX,
};

/* Which values of a metric are better. Used to compare runs; it is not a check. */
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
	const char *name; /* as in the results: "jobs.0.read.iops" */
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
	KTSTR_CHECK_EXIT_CODE, /* exit status == code; without this check it must be 0 */
	KTSTR_PAYLOAD_CHECK_MAX,
};

/* A missing metric fails its check; if the test itself killed the payload, it is INCONCLUSIVE. */
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
	/* A path, or a name. ktstr looks for a name beside the test binary, in the current directory, and in PATH. */
	const char *binary;
	/*
	 * A directory that was built with the kernel: "selftests/sched_ext". The binary is looked for only there. If
	 * the kernel does not have it, the test is a SKIP.
	 */
	const char *kit;
	const char *const *args; /* KTSTR_ARGS(...), or NULL */
	enum ktstr_output output;
	const char *tap_test; /* TAP: only the result of this test counts, and it must be there; NULL: all */
	const char *llm_hint; /* LLM: what the model is told about the output, at most 1000 bytes; or NULL */
	const struct ktstr_payload_check *checks; /* KTSTR_PAYLOAD_CHECKS(...) */
	const struct ktstr_metric_hint *metrics;  /* KTSTR_METRICS(...) */
	const char *const *include_files;	  /* host files and directories; under /include-files in the guest */
	unsigned timeout_ms;			  /* from start to end, guest time; 0: 10 s + 2 * the test's duration */
	bool uses_parent_pgrp;			  /* runs in the test's process group; else in one of its own */
};

/* Defines `static const struct ktstr_payload id`. */
#define KTSTR_PAYLOAD(id, ...) \
	static const struct ktstr_payload id = { .name = #id, .file = __FILE__, .line = __LINE__, ##__VA_ARGS__ }
#define KTSTR_PAYLOADS(...) KTSTR_LIST(const struct ktstr_payload *, __VA_ARGS__, 0)

struct ktstr_metric {
	const char *name;
	double value;
};

/* The result of one run. Its strings and lists stay valid until the test ends. */
struct ktstr_payload_result {
	enum ktstr_verdict verdict;
	int exit_code; /* -1: it ended by a signal */
	int signal;
	const struct ktstr_metric *metric; /* in the order of its output */
	unsigned metrics;
};

struct ktstr_payload_run {
	const struct ktstr_payload *payload;
	const char *cgroup;	 /* one of the scenario's; NULL: a cgroup beside them */
	const char *const *args; /* appended to the payload's own arguments */
	/* In addition to the payload's own. With LLM output, only of the exit code and of KTSTR_WALL_TIME. */
	const struct ktstr_payload_check *checks;
};

/*
 * For bodies, watch functions and KTSTR_OP_CALL. A payload's verdict and its reasons count for the test and are
 * reported, even if the body ignores the return value. @ret may be NULL. A payload that could not be started also gets
 * a handle, and a wait for it returns the verdict.
 */
enum ktstr_verdict ktstr_payload_run(struct ktstr_ctx *t, const struct ktstr_payload_run *run,
				     struct ktstr_payload_result *ret);
/* A handle, 0 and up; negative errno when there are too many at once (64). */
int ktstr_payload_spawn(struct ktstr_ctx *t, const struct ktstr_payload_run *run);
enum ktstr_verdict ktstr_payload_wait(struct ktstr_ctx *t, int handle, struct ktstr_payload_result *ret);
/* Does not wait. Returns false if the payload still runs. */
bool ktstr_payload_try_wait(struct ktstr_ctx *t, int handle, struct ktstr_payload_result *ret);
/* Sends SIGTERM to its process group and, after 2 s, SIGKILL to all its processes. Its output until then counts. */
enum ktstr_verdict ktstr_payload_kill(struct ktstr_ctx *t, int handle, struct ktstr_payload_result *ret);

#define KTSTR_RUN_PAYLOAD(t, p, ...) \
	ktstr_payload_run((t), KTSTR_LIST(struct ktstr_payload_run, { .payload = (p), ##__VA_ARGS__ }), 0)

KTSTR_END_C

#endif
