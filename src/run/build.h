/* SPDX-License-Identifier: GPL-2.0-only */
/* build.h -- schedulers that say how they are built: their commands, run once, before any test. */
#ifndef KTSTR_RUN_BUILD_H
#define KTSTR_RUN_BUILD_H

#include "run/suite.h"

#define BUILD_PROFILE "release" /* KTSTR_SCHEDULER_PROFILE where nobody says another one */

/*
 * Runs `.build` of every scheduler that a test uses, each command once, by a shell in the current directory; what it
 * prints goes to standard error. A scheduler whose program the environment names is not built. The tests of one that
 * could not be built get a problem, unless KTSTR_SCHEDULER_ALLOW_STALE_FALLBACK is set. Blocks.
 */
int schedulers_build(struct suite *suites, size_t count, const char *profile);

#endif
