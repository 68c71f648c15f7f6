/* SPDX-License-Identifier: GPL-2.0-only */
/* known_fail.h -- on which kernels, and under which schedulers, a test is known to fail. */
#ifndef KTSTR_RUN_KNOWN_FAIL_H
#define KTSTR_RUN_KNOWN_FAIL_H

#include "kernel/kernel.h"
#include "run/suite.h"

/* Can the kernels that @text names be told from others: versions, series, ranges and cache keys, with commas? */
int known_fail_check(const char *text, struct err **err);
/* The first known failure of @t that applies on @k; NULL: none. @k may be NULL or without a version: only kernels that
 * are named by nothing apply. */
const struct known_fail_decl *known_fail_find(const struct test_decl *t, const struct kernel *k);

#endif
