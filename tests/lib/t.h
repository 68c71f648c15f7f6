/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * t.h -- what every unit test program shares: a Check suite run as TAP, in this process, and a look at the open
 * descriptors before and after each test, so that none leaks one.
 */
#ifndef KTSTR_TESTS_LIB_T_H
#define KTSTR_TESTS_LIB_T_H

#include <check.h>

#include "base/err.h"

typedef void t_fill_fn(TCase *tc);

/* main()'s body: one case of tests with the descriptor check around each. */
int t_main(const char *name, t_fill_fn *fill);

/* The error's whole chain holds @text; frees it. */
void t_err_contains(struct err **err, const char *text);
/* A fresh directory below $TMPDIR, removed by t_rmdir(). */
char *t_tmpdir(void);
void t_rmdir(char *dir);

#define t_ok(expr)	    ck_assert_int_ge((expr), 0)
#define t_errno(expr, code) ck_assert_int_eq((expr), -(code))

#endif
