/* SPDX-License-Identifier: GPL-2.0-only */
/* dry.h -- checks the scenarios of tests on the host, before a machine is started. */
#ifndef KTSTR_GUEST_DRY_H
#define KTSTR_GUEST_DRY_H

#include <stddef.h>

#include <ktstr/test.h>

/*
 * Runs the bodies of @count tests in children that can only declare. Sets @problem[i] to the problem of the scenarios
 * of @tests[i], or to NULL if there is none or if the body did more than to declare. Sets @limits[i] to
 * the limits that the test's loads set themselves, a line each, or leaves it NULL. The caller frees both. Tests whose
 * problem is set already do not run.
 */
void dry_run(const struct ktstr_test *const *tests, char **problem, char **limits, size_t count);

#endif
