/* SPDX-License-Identifier: GPL-2.0-only */
/* judgement.h -- a verdict with its reasons: a list of findings, and the statistics. */
#ifndef KTSTR_VERDICT_JUDGEMENT_H
#define KTSTR_VERDICT_JUDGEMENT_H

#include <ktstr/check.h>

#include "verdict/stats.h"

enum detail_kind {
	DETAIL_STARVED,
	DETAIL_STUCK,
	DETAIL_UNFAIR,
	DETAIL_ISOLATION,
	DETAIL_BENCHMARK,
	DETAIL_MIGRATION,
	DETAIL_PAGE_LOCALITY,
	DETAIL_CROSS_NODE_MIGRATION,
	DETAIL_SLOW_TIER,
	DETAIL_IDLE, /* a CPU was idle while a task waited */
	DETAIL_MONITOR,
	DETAIL_SCHEDULER,
	DETAIL_KERNEL_CRASH, /* not caused by the test itself */
	DETAIL_CRASH,
	DETAIL_EXPECTATION,
	DETAIL_ENGINE, /* from the engine in the guest: a step could not go on */
	DETAIL_FLAKE,
	DETAIL_HARNESS,
	DETAIL_SKIP,
	DETAIL_KIND_MAX,
};
const char *detail_kind_name(enum detail_kind kind);
const char *verdict_name(enum ktstr_verdict v);

/* A number in the order Fail > Inconclusive > Pass > Skip; the verdict with the greater number wins. */
int verdict_rank(enum ktstr_verdict v);

#define DETAILS_MAX	 256
#define DETAIL_BYTES_MAX 2048 /* length of a text, with its NUL */

/* The time of the guest that a finding is about. */
struct finding_moment {
	uint64_t from_ns, to_ns; /* equal: a point; both 0: no certain time */
	int32_t tid;		 /* 0: no task */
	int32_t cpu;		 /* -1: no CPU */
};

struct detail {
	enum detail_kind kind;
	enum ktstr_verdict verdict;
	char *text; /* one clean line */
	struct finding_moment moment;
};

/* A default check that could not be evaluated. It does not change the verdict. */
struct unjudged {
	const char *check; /* its name; static */
	char *why;	   /* one clean line */
};

#define UNJUDGED_MAX   64
#define VALUES_MAX     64
#define VIOLATIONS_MAX 8

struct judgement {
	enum ktstr_verdict verdict;
	struct detail detail[DETAILS_MAX];
	uint32_t details;
	uint32_t details_lost; /* findings that did not fit; those of the highest rank are kept */
	bool added;	       /* the latest finding was kept, so it is the last one */
	bool failed;	       /* out of memory: a finding is missing, so the verdict is not valid */
	struct unjudged unjudged[UNJUDGED_MAX];
	uint32_t unjudged_count, unjudged_lost;
	char *value[VALUES_MAX]; /* "cgroup 'a' (SpinWait): max_gap_ms 149 ms (limit 3000 ms)", of each judged limit */
	uint32_t values, values_lost;
	bool monitor_judged;		 /* some limit of the monitor was */
	char *violation[VIOLATIONS_MAX]; /* broken limits of the monitor; clean lines */
	uint32_t violations;
	struct scenario_stats stats;
};

void judgement_add(struct judgement *j, enum detail_kind kind, enum ktstr_verdict verdict, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* Says what time the finding that judgement_add() has just got is about. */
void judgement_moment(struct judgement *j, const struct finding_moment *moment);
/* As judgement_add(), but the finding becomes the first one. */
void judgement_lead(struct judgement *j, enum detail_kind kind, enum ktstr_verdict verdict, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* Turns a Skip into a Fail, with the reason for the skip. */
void judgement_refuse_skip(struct judgement *j);
/* Records that the check @check (a static string) was not judged, and why. */
void judgement_unjudged(struct judgement *j, const char *check, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Records a value that was compared with a limit, whatever the result. */
void judgement_value(struct judgement *j, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Records a broken limit of the monitor, whether it is a failure or not. */
void judgement_violation(struct judgement *j, const char *fmt, ...) PRINTF_LIKE(2, 3);
void judgement_done(struct judgement *j);
/* The cause: the first detail with the final verdict, or NULL. */
const struct detail *judgement_cause(const struct judgement *j);

#endif
