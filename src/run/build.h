/* SPDX-License-Identifier: GPL-2.0-only */
/* build.h -- runs the build commands of schedulers, once each, before any test. */
#ifndef KTSTR_RUN_BUILD_H
#define KTSTR_RUN_BUILD_H

#include "run/suite.h"

#define BUILD_PROFILE "release" /* default of KTSTR_SCHEDULER_PROFILE */

/*
 * Runs `.build` of every scheduler that a test uses, each command once, by a shell in the current directory. The output
 * goes to stderr. Does not build a scheduler if an environment variable names its program. If a build fails, the tests
 * of the scheduler get a problem, unless KTSTR_SCHEDULER_ALLOW_STALE_FALLBACK is set. Blocks.
 */
int schedulers_build(struct suite *suites, size_t count, const char *profile);

#endif
