/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checks.h -- the checks that hold workers' telemetry against limits, a load at a time.
 *
 * checks.c: progress, gaps, shares of the CPU, isolation, how workers ended. gates.c: rates, latencies, migrations,
 * memory nodes.
 */
#ifndef KTSTR_VERDICT_CHECKS_H
#define KTSTR_VERDICT_CHECKS_H

#include "verdict/evidence.h"
#include "verdict/judgement.h"
#include "verdict/share.h"
#include "verdict/thresholds.h"

struct check_facts {
	const struct thresholds *limits; /* the test's; a load may set others for itself */
	bool emulated;			 /* it ran on tcg */
	bool scx;			 /* under a sched_ext scheduler */
};

/* Adds what the loads of @e break to @j, whose statistics are computed already. */
void check_loads(const struct evidence *e, const struct check_facts *f, struct judgement *j);

/* --- between checks.c and gates.c --------------------------------------------------------------------------------- */

struct check_run {
	const struct evidence *e;
	const struct check_facts *facts;
	struct share_rivals rivals;
	uint32_t next_check;   /* of e->check[]: the first one that belongs to a load behind this one */
	bool asked[LIMIT_MAX]; /* some load was judged by it, or switched it off for itself */
	bool told[LIMIT_MAX];  /* it was said that tcg cannot judge it */
	struct judgement *j;
};

/* A load in a cgroup, with what it is judged by. */
struct checked_load {
	uint32_t index;
	const struct wire_cgroup *g;
	const struct cgroup_stats *s;
	struct thresholds t;
	char name[224]; /* "cgroup 'a' (SpinWait, nice 5)" */
};

/* A broken limit: Fail. */
#define check_fails(run, which, ...) judgement_add((run)->j, threshold_rows[which].finding, KTSTR_FAIL, __VA_ARGS__)
/*
 * The check @which of @l cannot be evaluated: Inconclusive where somebody set it, else recorded as not judged.
 */
void cannot_judge(struct check_run *run, const struct checked_load *l, enum threshold which, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* One load's gates; then those that the test or the scheduler sets and no load could be asked. */
void check_gates(struct check_run *run, const struct checked_load *l);
void check_unasked_gates(struct check_run *run);

/* protocol.c: that nothing is missing of what the guest says at its end. */
void check_protocol(const struct evidence *e, struct judgement *j);

#endif
