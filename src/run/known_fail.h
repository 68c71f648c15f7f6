/* SPDX-License-Identifier: GPL-2.0-only */
/* known_fail.h -- the kernels and schedulers on which a test is known to fail. */
#ifndef KTSTR_RUN_KNOWN_FAIL_H
#define KTSTR_RUN_KNOWN_FAIL_H

#include "kernel/kernel.h"
#include "run/suite.h"

/* Checks a declared list of kernels: versions, series, ranges and cache keys, separated by commas. */
int kernels_check(const char *text, struct err **err);
/*
 * Does such a list name the kernel? @literal_end: "6.12..6.14" ends with 6.14 itself, and not with the last 6.14.x.
 */
bool kernels_name(const char *text, const struct kernel *k, bool literal_end);
/*
 * The first known failure of @t that applies to @k, or NULL. If @k is NULL, only entries that name no kernel apply. If
 * @k has no version, entries that name versions do not apply.
 */
const struct known_fail_decl *known_fail_find(const struct test_decl *t, const struct kernel *k);

#endif
