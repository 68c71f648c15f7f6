/* SPDX-License-Identifier: GPL-2.0-only */
/* dry.h -- checks a test's scenarios on the host, before a machine is started. */
#ifndef KTSTR_GUEST_DRY_H
#define KTSTR_GUEST_DRY_H

#include <ktstr/test.h>

/*
 * Runs a test's body in a child that can only declare. Returns the problem of its scenarios, or NULL. The caller frees
 * it.
 */
char *dry_run(const struct ktstr_test *test);

#endif
