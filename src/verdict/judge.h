/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * judge.h -- evidence in, verdict out: a pure function. Fold order FAIL > INCONCLUSIVE > PASS > SKIP. What was not
 * measured is INCONCLUSIVE. The first detail of the gravest verdict names the cause.
 */
#ifndef KTSTR_VERDICT_JUDGE_H
#define KTSTR_VERDICT_JUDGE_H

#include <ktstr/check.h>

#include "verdict/evidence.h"
#include "verdict/stats.h"

enum detail_kind {
	DETAIL_STARVED,
	DETAIL_STUCK,
	DETAIL_UNFAIR,
	DETAIL_ISOLATION,
	DETAIL_SCHEDULER,
	DETAIL_CRASH,
	DETAIL_EXPECTATION,
	DETAIL_HARNESS,
	DETAIL_SKIP,
	DETAIL_KIND_MAX,
};
const char *detail_kind_name(enum detail_kind kind);
const char *verdict_name(enum ktstr_verdict v);

#define DETAILS_MAX 256

struct detail {
	enum detail_kind kind;
	enum ktstr_verdict verdict;
	char *text;
};

struct judgement {
	enum ktstr_verdict verdict;
	struct detail detail[DETAILS_MAX];
	uint32_t details;
	uint32_t details_lost;		/* beyond DETAILS_MAX */
	struct scenario_stats stats;
};

/* Every limit with its final value; 0 in a number: not checked. Guest time. */
struct thresholds {
	bool not_starved, isolation;
	unsigned max_gap_ms;
	double max_spread_pct;
	bool spread_is_default;		/* for the message's wording */
};

/* Defaults <- scheduler <- test; the last that speaks wins. @strict: the limits of release builds. */
struct thresholds thresholds_merge(bool strict, const struct ktstr_checks *scheduler, const struct ktstr_checks *test);

struct judge_facts {
	bool has_scheduler;
	const char *scheduler;
	nsec_t duration;
	bool expect_err;
	struct thresholds limits;
};

int judge(const struct evidence *e, const struct judge_facts *f, struct judgement *ret);
void judgement_done(struct judgement *j);
/* The detail that a person should read first, or NULL. */
const struct detail *judgement_cause(const struct judgement *j);

/* For checks.c. */
void judgement_add(struct judgement *j, enum detail_kind kind, enum ktstr_verdict verdict, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
void judge_workers(const struct evidence *e, const struct judge_facts *f, struct judgement *j);

#endif
