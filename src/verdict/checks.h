/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * checks.h -- compares workers' telemetry with limits, one load after the other.
 *
 * checks.c: progress, gaps, shares of the CPU, isolation, ends of workers. gates.c: rates, latencies, migrations,
 * memory nodes.
 */
#ifndef KTSTR_VERDICT_CHECKS_H
#define KTSTR_VERDICT_CHECKS_H

#include "verdict/evidence.h"
#include "verdict/judgement.h"
#include "verdict/share.h"
#include "verdict/thresholds.h"

struct check_facts {
	const struct thresholds *limits; /* the test's; loads can have their own over them */
	bool emulated;			 /* the guest ran on tcg */
	bool scx;			 /* the test ran under a sched_ext scheduler */
};

/* Adds a finding to @j for each check that a load of @e breaks. j->stats must be computed before. */
void check_loads(const struct evidence *e, const struct check_facts *f, struct judgement *j);

/* --- between checks.c and gates.c --------------------------------------------------------------------------------- */

struct check_run {
	const struct evidence *e;
	const struct check_facts *facts;
	struct share_rivals rivals;
	uint32_t next_check;   /* index in e->check[] of the first check of a later load */
	bool asked[LIMIT_MAX]; /* the check applied to some load, or a load switched it off */
	bool told[LIMIT_MAX];  /* a finding already says that it cannot be judged on tcg */
	struct judgement *j;
};

/* A load in a cgroup, with its merged limits. */
struct checked_load {
	uint32_t index;
	const struct wire_cgroup *g;
	const struct cgroup_stats *s;
	struct thresholds t;
	char name[224]; /* "cgroup 'a' (SpinWait, nice 5)" */
};

/* A broken limit: Fail. */
#define check_fails(run, which, ...) judgement_add((run)->j, threshold_rows[which].finding, KTSTR_FAIL, __VA_ARGS__)
/* The check @which of @l cannot be evaluated: Inconclusive if a layer set it; a default is recorded as not judged. */
void cannot_judge(struct check_run *run, const struct checked_load *l, enum threshold which, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* Checks one load against all gates. */
void check_gates(struct check_run *run, const struct checked_load *l);
/* Reports gates that the test or the scheduler sets but that applied to no load. */
void check_unasked_gates(struct check_run *run);

/* protocol.c: checks that the guest sent all records that belong to its end. */
void check_protocol(const struct evidence *e, struct judgement *j);

#endif
