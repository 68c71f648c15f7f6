/* SPDX-License-Identifier: GPL-2.0-only */
/* relevant.h -- the schedulers of test binaries that a change concerns; for `ktstr affected` and --relevant. */
#ifndef KTSTR_CLI_RELEVANT_H
#define KTSTR_CLI_RELEVANT_H

#include "affected/affected.h"
#include "affected/changes.h"
#include "reactor/reactor.h"
#include "run/suite.h"

/* A change, the suites that are there, and what it concerns. */
struct relevant_work {
	struct reactor *reactor;
	struct suite *suite;
	size_t suites;
	struct changes changes;
	struct affected affected;
};

/*
 * Loads the suites below @paths (an empty list: build/), whose build says what programs were made from. With a @profile
 * (KTSTR_SCHEDULER_PROFILE) it then builds their schedulers; NULL: it does not.
 */
int relevant_load_suites(struct relevant_work *w, const char *const *paths, const char *profile, struct err **err);
void relevant_work_done(struct relevant_work *w);

/*
 * @ret: sorted by name, each name once; the names are those of @suites. The caller calls relevant_done(). Run
 * schedulers_build() for @suites before, so that the lists of their inputs are up to date. A scheduler that is built
 * into the kernel has no program, and is not in the result. -ENOMEM.
 */
int relevant_find(const struct suite *suites, size_t count, const struct changes *c, struct affected *ret);
void relevant_done(struct affected *a);
/*
 * The filter expression for --relevant: the tests of affected schedulers, and those without a program. NULL without an
 * error: all tests. The caller frees *@ret.
 */
int relevant_filter(const struct affected *a, const struct suite *suites, size_t count, char **ret);

/* The filter for tests whose scheduler, if any, has no program. False: there are no such tests. */
bool relevant_others(const struct affected *a, const struct suite *suites, size_t count, struct buf *out);
/* Does a test use the scheduler? */
bool relevant_has_tests(const struct suite *suites, size_t count, const char *scheduler);

#endif
