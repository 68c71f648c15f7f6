/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * monitor_checks.h -- compares what the monitor saw of a sched_ext scheduler with limits: imbalance, depth of local
 * dispatch queues, stalled clocks, rates of fallbacks. A limit is broken when `sustained_samples` samples in a row
 * break it.
 */
#ifndef KTSTR_VERDICT_MONITOR_CHECKS_H
#define KTSTR_VERDICT_MONITOR_CHECKS_H

#include "monitor/series.h"
#include "verdict/evidence.h"
#include "verdict/judgement.h"
#include "verdict/thresholds.h"

#define MONITOR_HZ_UNKNOWN 250 /* only matters where the time of vCPU threads is known */

/* The samples of a test: those from its first step to its end, of which the first `warm_up` are not judged. */
struct monitor_window {
	const struct reading *reading; /* the judged ones */
	unsigned count, warm_up;
};

struct monitor_window monitor_window(const struct evidence *e);
/*
 * Judges a test that passed else. @has_scheduler: under a sched_ext scheduler. Broken limits are in j->violation[], and
 * with `enforce` they are findings, too. A check that cannot be evaluated is Inconclusive if the scheduler or the test
 * set it or `enforce`, else it is recorded as not judged.
 */
void check_monitor(const struct evidence *e, const struct thresholds *limits, bool has_scheduler, struct judgement *j);

#endif
