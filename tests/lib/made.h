/* SPDX-License-Identifier: GPL-2.0-only */
/* made.h -- evidence made by hand for tests of the judgement: one run at a time, from begin to a verdict. */
#ifndef KTSTR_TESTS_LIB_MADE_H
#define KTSTR_TESTS_LIB_MADE_H

#include "verdict/judge.h"

extern struct evidence made; /* data from the guest and the host */
extern struct judgement made_judgement;
extern struct judge_facts made_facts; /* a scheduler called "sched", default limits, none of the monitor */

/* Empties all evidence. */
void made_begin(void);
void made_end(void);
/* A record as the guest would send it; the test fails if it is refused. */
void made_take(enum wire_type type, const void *payload, size_t len);
void made_text(enum wire_stream stream, const char *text);
void made_sched(enum wire_sched_event event, int status);
/* A load with this name; @cpuset 0: none. Its workers follow. */
void made_load(const char *name, uint32_t workers, uint64_t cpuset);
/* A worker of the last load that lives for one second. */
void made_worker(uint64_t units, uint64_t gap_ms, uint64_t cpu_ms, uint64_t cpus);
/* A check that the last load sets itself; KTSTR_OFF switches it off. */
void made_check(const char *name, double limit);
/* A failed ktstr_expect(), or (@expectation false) a message of the engine. */
void made_detail(bool expectation, const char *text);
/* The test's own result, and a regular end of everything. */
void made_result(enum ktstr_verdict v);
/* Sets one of the test's limits. */
void made_limit(enum threshold which, double value);
/* Judges, expects this verdict and a cause that contains @cause, and ends. */
void made_expect(enum ktstr_verdict v, const char *cause);
/*
 * The same, and expects a default check that was not judged for a reason that contains @reason; NULL: all were judged.
 */
void made_expect_unjudged(enum ktstr_verdict v, const char *cause, const char *reason);
/* One worker with wake-ups of these latencies and this many migrations; its iterations are work units. */
void made_waker(uint64_t units, uint64_t migrations, const uint32_t *sample, uint32_t count);

#endif
