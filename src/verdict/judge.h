/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * judge.h -- evidence in, verdict out: a pure function. Fold order FAIL > INCONCLUSIVE > PASS > SKIP. What was not
 * measured is INCONCLUSIVE. The first detail of the gravest verdict names the cause.
 */
#ifndef KTSTR_VERDICT_JUDGE_H
#define KTSTR_VERDICT_JUDGE_H

#include "verdict/checks.h"

struct judge_facts {
	bool has_scheduler;
	const char *scheduler;
	nsec_t duration;
	bool expect_err;
	enum ktstr_finding expect_finding;	      /* with expect_err: instead of the scheduler's end */
	bool emulated;				      /* ran on tcg: absolute latencies and rates mean little */
	const char *expect_contains, *expect_matches; /* of the scheduler's last words, or NULL */
	const char *file;			      /* where the test is declared, or NULL */
	unsigned line;
	struct thresholds limits;
};

/* The kind of detail that @f stands for, by its name; NULL: none. */
const char *finding_name(enum ktstr_finding f);
int judge(const struct evidence *e, const struct judge_facts *f, struct judgement *ret);

/* --- between judge.c and expect.c --------------------------------------------------------------------------------- */

/* How the scheduler ended before it was told to: died, or was disabled by the kernel; NULL: it did not. */
const struct evidence_sched *scheduler_end(const struct evidence *e);
/* A test that must fail: what it expects becomes a pass, and whatever else failed stays a failure. */
void apply_expectation(const struct evidence *e, const struct judge_facts *f, struct judgement *j);
#endif
