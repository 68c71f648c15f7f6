/* SPDX-License-Identifier: GPL-2.0-only */
/* check.h -- verdicts, and the checks that turn telemetry into one. */
#ifndef KTSTR_CHECK_H
#define KTSTR_CHECK_H

/* Fold order: FAIL > INCONCLUSIVE > PASS > SKIP. What was not measured is INCONCLUSIVE, never PASS. */
enum ktstr_verdict {
	KTSTR_PASS,
	KTSTR_FAIL,
	KTSTR_INCONCLUSIVE,
	KTSTR_SKIP,
};

/* A switch that can be left alone: layers merge default -> scheduler -> test, and the last that speaks wins. */
enum ktstr_switch {
	KTSTR_UNSET,
	KTSTR_ON,
	KTSTR_OFF,
};

/* 0 is "not said" in every field; limits are of guest time. */
struct ktstr_checks {
	enum ktstr_switch not_starved;	/* every worker made progress; implies the gap and spread limits. Default ON */
	enum ktstr_switch isolation;	/* no worker ran outside its cgroup's cpuset. Default ON where there is one */
	unsigned max_gap_ms;		/* longest time between two checkpoints of one worker */
	unsigned max_spread_pct;	/* max - min of the workers' off-CPU share in one cgroup, percentage points */
};

struct ktstr_ctx;

/* Records a failed expectation and goes on; the test fails with this text. Returns @ok. */
int ktstr_expect(struct ktstr_ctx *t, int ok, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
