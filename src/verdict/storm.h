/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * storm.h -- tests with `survives_storm`. The end of a scheduler that nobody asked for is a finding of every test. Here
 * a scheduler that the test itself detached counts too, and a test without a hold has not shown anything.
 */
#ifndef KTSTR_VERDICT_STORM_H
#define KTSTR_VERDICT_STORM_H

#include "verdict/judge.h"

/* Was the scheduler attached from the begin to the end of every hold? */
void find_storm(const struct evidence *e, struct judgement *j);

#endif
