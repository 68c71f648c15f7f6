/* SPDX-License-Identifier: GPL-2.0-only */
/* checks.h -- limits, and the checks that hold workers' telemetry against them. */
#ifndef KTSTR_VERDICT_CHECKS_H
#define KTSTR_VERDICT_CHECKS_H

#include "verdict/evidence.h"
#include "verdict/judgement.h"

/* Every limit with its final value; 0 in a number: not checked. Guest time. */
struct thresholds {
	bool not_starved, isolation;
	unsigned max_gap_ms;
	double max_spread_pct;
	bool spread_is_default;		/* for the message's wording */
	struct ktstr_checks rates;	/* those of KTSTR_RATE_CHECKS */
};

/* Defaults <- scheduler <- test; the last that speaks wins. @strict: the limits of release builds. */
struct thresholds thresholds_merge(bool strict, const struct ktstr_checks *scheduler, const struct ktstr_checks *test);

/* Adds what the workers' telemetry breaks to @j, whose statistics are computed already. */
void check_workers(const struct evidence *e, const struct thresholds *t, struct judgement *j);
/* gates.c: throughput, latencies, migrations, memory nodes. Only what has a limit is looked at. */
void check_gates(const struct evidence *e, const struct thresholds *t, struct judgement *j);

#endif
