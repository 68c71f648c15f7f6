/* SPDX-License-Identifier: GPL-2.0-only */
/* judgement.h -- a verdict with what led to it: a list of findings, and the statistics beside them. */
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
	DETAIL_SCHEDULER,
	DETAIL_KERNEL_CRASH, /* not of the test's own making */
	DETAIL_CRASH,
	DETAIL_EXPECTATION,
	DETAIL_ENGINE, /* the engine in the guest says that a step could not go on */
	DETAIL_FLAKE,
	DETAIL_HARNESS,
	DETAIL_SKIP,
	DETAIL_KIND_MAX,
};
const char *detail_kind_name(enum detail_kind kind);
const char *verdict_name(enum ktstr_verdict v);

/* In the order of Fail > Inconclusive > Pass > Skip; the greater number decides. */
int verdict_rank(enum ktstr_verdict v);

#define DETAILS_MAX	 256
#define DETAIL_BYTES_MAX 2048 /* of a text, with its NUL */

struct detail {
	enum detail_kind kind;
	enum ktstr_verdict verdict;
	char *text; /* one clean line */
};

/* A default check that could not be evaluated; it leaves the verdict alone. */
struct unjudged {
	const char *check; /* its name; static */
	char *why;	   /* one clean line */
};

#define UNJUDGED_MAX 64

struct judgement {
	enum ktstr_verdict verdict;
	struct detail detail[DETAILS_MAX];
	uint32_t details;
	uint32_t details_lost; /* beyond DETAILS_MAX; never one that is graver than all that are kept */
	bool failed;	       /* out of memory: a finding is missing, and so is the verdict */
	struct unjudged unjudged[UNJUDGED_MAX];
	uint32_t unjudged_count, unjudged_lost;
	struct scenario_stats stats;
};

void judgement_add(struct judgement *j, enum detail_kind kind, enum ktstr_verdict verdict, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* The same, in front of all others. */
void judgement_lead(struct judgement *j, enum detail_kind kind, enum ktstr_verdict verdict, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* Makes a Skip a Fail that says why it would have been skipped. */
void judgement_refuse_skip(struct judgement *j);
/* The check named @check (a static string) was not judged, and why. */
void judgement_unjudged(struct judgement *j, const char *check, const char *fmt, ...) PRINTF_LIKE(3, 4);
void judgement_done(struct judgement *j);
/* The detail that a person should read first, or NULL. */
const struct detail *judgement_cause(const struct judgement *j);

#endif
