/* SPDX-License-Identifier: GPL-2.0-only */
/* behaviour.h -- one step per work type: runs it, observes it from outside, reports wrong behaviour. */
#ifndef BEHAVIOUR_H
#define BEHAVIOUR_H

#include "observe.h"

#define LOOK_MS 300

/* Checks the observations of one step. */
typedef void judge_fn(struct ktstr_ctx *t, const struct sight *s, const char *name);

struct look {
	const char *name;
	judge_fn *judge;
	unsigned ms, step_us; /* 0: LOOK_MS, 10000 */
	bool signals;
};

void watch_step(struct ktstr_ctx *t, void *look);

/* A step with one cgroup: NAME is the work type's name; the variable arguments are fields of the cgroup. */
#define SEE(NAME, JUDGE, WORKERS, ...)                                                                    \
	{                                                                                                 \
		.name = NAME, .watch = watch_step, .arg = &(struct look){ .name = NAME, .judge = JUDGE }, \
		.hold = KTSTR_HOLD_MS(LOOK_MS + 20),                                                      \
		.cgroups = KTSTR_CGROUPS({ .name = "g", .workers = WORKERS, __VA_ARGS__ })                \
	}
#define SEE_MS(NAME, JUDGE, MS, STEP_US, WORKERS, ...)                                               \
	{                                                                                            \
		.name = NAME, .watch = watch_step,                                                   \
		.arg = &(struct look){ .name = NAME, .judge = JUDGE, .ms = MS, .step_us = STEP_US }, \
		.hold = KTSTR_HOLD_MS(MS + 20),                                                      \
		.cgroups = KTSTR_CGROUPS({ .name = "g", .workers = WORKERS, __VA_ARGS__ })           \
	}
#define WORK(...) .work = KTSTR_WORK(__VA_ARGS__)

double share(const struct sight *s, unsigned worker); /* share of the time on a CPU */
/* Share of the time on a CPU or waiting for one. The observer is real-time and takes CPU time from the workers. */
double wants(const struct sight *s, unsigned worker);
double per_s(const struct sight *s, uint64_t count);
/*
 * The most bytes that a worker reads for its own telemetry, which reads a line of text of the kernel at most once every
 * 2 ms. @reads: how many of its calls of read(2) are the work's own.
 */
uint64_t own_bytes(const struct sight *s, const struct seen *w, uint64_t reads);

#endif
