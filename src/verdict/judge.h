/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * judge.h -- turns evidence into a verdict. A pure function. Fold order: FAIL > INCONCLUSIVE > PASS > SKIP. A missing
 * measurement is INCONCLUSIVE. The first detail with the final verdict is the cause.
 */
#ifndef KTSTR_VERDICT_JUDGE_H
#define KTSTR_VERDICT_JUDGE_H

#include "verdict/evidence.h"
#include "verdict/judgement.h"
#include "verdict/thresholds.h"

struct judge_facts {
	bool has_scheduler;
	unsigned lacks; /* what its declaration says that it does not support; bits of enum ktstr_lack */
	const char *scheduler;
	nsec_t duration;
	bool expect_err;
	enum ktstr_finding expect_finding;	      /* with expect_err: expected instead of the scheduler's end */
	bool parallel_time;			      /* tcg: each of the guest's CPUs has a clock of its own */
	bool emulated;				      /* the guest ran on tcg: no absolute latencies and rates */
	const char *expect_contains, *expect_matches; /* for the logs at the scheduler's end, or NULL */
	bool expect_repro;			      /* the scheduler must fail, and a second run show it again */
	bool reproduced;			      /* one has */
	bool survives_storm;			      /* the scheduler must be attached in every hold */
	unsigned watchdog_s;			      /* asked for, in guest time; 0: the scheduler's own */
	nsec_t cleanup_budget;			      /* for evidence.cleanup; 0: none */
	const char *file;			      /* where the test is declared, or NULL */
	unsigned line;
	struct thresholds limits;
	bool verifies_only; /* only what the BPF verifier says of the scheduler's programs counts */
};

int judge(const struct evidence *e, const struct judge_facts *f, struct judgement *ret);

#endif
