/* SPDX-License-Identifier: GPL-2.0-only */
/* check_run.h -- what the checks of checks.c and gates.c share: the load that is checked, and its limits. */
#ifndef KTSTR_VERDICT_CHECK_RUN_H
#define KTSTR_VERDICT_CHECK_RUN_H

#include "verdict/evidence.h"
#include "verdict/judgement.h"
#include "verdict/share.h"
#include "verdict/thresholds.h"

struct check_facts {
	const struct thresholds *limits; /* the test's; loads can have their own over them */
	bool parallel_time;		 /* tcg: each of the guest's CPUs has a clock of its own */
	bool emulated;			 /* the guest ran on tcg */
	bool scx;			 /* the test ran under a sched_ext scheduler */
};

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
/* Records what the check @which of @l found, beside its limit, so that a report can show the margin. */
void note_value(struct check_run *run, const struct checked_load *l, enum threshold which, double value, double limit);
/* The same for a duration. */
void note_wait(struct check_run *run, const struct checked_load *l, enum threshold which, double ns, double limit_ns);
/* The same for a duration that is known to be between two others. */
void note_wait_between(struct check_run *run, const struct checked_load *l, enum threshold which, double least_ns,
		       double most_ns, double limit_ns);
/*
 * Whether a latency is over its limit by more than the host can have added to it (monitor/contention.h): always, where
 * the guest's vCPUs are not threads of the host.
 */
bool is_over_for_sure(const struct check_run *run, double ns, double limit_ns);
/* A latency is over its limit, and not for sure: it cannot be judged. */
void cannot_judge_contended(struct check_run *run, const struct checked_load *l, enum threshold which, double ns,
			    double limit_ns);
/*
 * The worker of the load whose @value is the largest of those that are over @limit_ns for sure. NULL: there is none,
 * and the check cannot be judged.
 */
const struct wire_worker *find_over(struct check_run *run, const struct checked_load *l, enum threshold which,
				    uint64_t (*value)(const struct wire_worker *w), double limit_ns);
/* The worker of the load whose @value is the largest; NULL: the load has no worker. */
const struct wire_worker *find_largest(const struct check_run *run, const struct checked_load *l,
				       uint64_t (*value)(const struct wire_worker *w));

/*
 * Whether all CPUs of the guest share one clock: on tcg without parallel time it counts the instructions of all of
 * them. So two busy CPUs do no more work per second than one, and a CPU that is ready waits for its turn.
 */
bool clock_is_shared(const struct check_run *run);
/* Why a time is not judged then. */
#define SHARED_CLOCK_WAITS \
	"all CPUs of a guest share one clock (--tcg-time shared), which goes on while a CPU waits for its turn"

#endif
