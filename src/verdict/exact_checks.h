/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exact_checks.h -- compares the exact schedule of workers with limits: idle CPUs while they wait, idle CPUs after
 * their wake-ups, CPUs on which they may not run, shares by weight. docs/CHECKS.md has the formulas.
 */
#ifndef KTSTR_VERDICT_EXACT_CHECKS_H
#define KTSTR_VERDICT_EXACT_CHECKS_H

#include "verdict/check_run.h"
#include "verdict/exact.h"

/* The exact figures of a worker; NULL: there are none. */
const struct exact_worker *exact_of(const struct evidence *e, const struct wire_worker *w);

/* Its tasks may have to wait for a quota or because of a policy although CPUs are idle. */
bool exact_is_throttled(const struct wire_cgroup *g);

typedef uint64_t exact_figure_fn(const struct exact_worker *x);
/* The worker of the load with the largest figure; NULL: none is known. */
const struct wire_worker *exact_worst(const struct check_run *run, const struct checked_load *l,
				      exact_figure_fn *figure);
/* "; 3 of 8 workers exceeded the limit", or "" for one. */
void exact_name_others(const struct check_run *run, const struct checked_load *l, exact_figure_fn *figure, double limit,
		       char *out, size_t size);
/* The time of a worker's longest wait; nothing without an exact schedule. */
struct finding_moment exact_wait_moment(const struct evidence *e, const struct wire_worker *w);
/* Milliseconds since the first step began. */
double exact_test_ms(const struct evidence *e, uint64_t ns);

/*
 * Compares the longest wait of tasks in the load's control group that are not workers. They are judged with the first
 * load of the control group.
 */
void check_other_waits(struct check_run *run, const struct checked_load *l, double limit_ns);
/* Each adds at most one finding for the load. */
void check_idle_waits(struct check_run *run, const struct checked_load *l);
void check_idle_wakeups(struct check_run *run, const struct checked_load *l);
void check_exact_isolation(struct check_run *run, const struct checked_load *l);
/* Of all loads together. */
void check_weights(struct check_run *run);
void check_quotas(struct check_run *run);
/* Records the default checks that cannot be judged because the schedule was not recorded. */
void note_unrecorded(struct check_run *run);

#endif
