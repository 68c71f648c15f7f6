/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * expect.h -- tests that must fail (`expect_err`).
 *
 * Such a test expects the end of the scheduler, or the finding that it names. Only these turn into a pass: a crash of
 * the test, a damaged log or a failed expectation fails it like any other test, and a missing measurement is
 * inconclusive. With `expect_auto_repro` it must be shown again by a second run, too.
 */
#ifndef KTSTR_VERDICT_EXPECT_H
#define KTSTR_VERDICT_EXPECT_H

#include "verdict/judge.h"

/* The name of the kind of detail that @f means; NULL for KTSTR_FINDING_NONE. */
const char *finding_name(enum ktstr_finding f);
/* For a test that must fail: the expected failure becomes a pass; other failures stay. */
void apply_expectation(const struct evidence *e, const struct judge_facts *f, struct judgement *j);
/* A scheduler that does not support CPU hotplug, and that the kernel ended for it: the failure becomes a skip. */
void apply_hotplug(const struct evidence *e, const struct judge_facts *f, struct judgement *j);

#endif
