/* SPDX-License-Identifier: GPL-2.0-only */
/* known_fail.h -- the kernels and schedulers on which a test is known to fail. */
#ifndef KTSTR_RUN_KNOWN_FAIL_H
#define KTSTR_RUN_KNOWN_FAIL_H

#include "kernel/kernel.h"
#include "run/suite.h"

/* Checks a declared list of kernels: versions, series, ranges and cache keys, separated by commas. */
int kernels_check(const char *text, struct err **err);
/*
 * The first known failure of @t that applies to @k, or NULL. If @k is NULL, only entries that name no kernel apply. If
 * @k has no version, entries that name versions do not apply.
 */
const struct known_fail_decl *known_fail_find(const struct test_decl *t, const struct kernel *k);

#endif
