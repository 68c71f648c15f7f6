/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * t.h -- shared by all unit test programs: runs a Check suite as TAP in this process, and compares the open descriptors
 * before and after each test to detect leaks.
 */
#ifndef KTSTR_TESTS_LIB_T_H
#define KTSTR_TESTS_LIB_T_H

#include <check.h>

#include "base/err.h"

typedef void t_fill_fn(TCase *tc);

/* The body of main(): one test case, with the descriptor check around each test. */
int t_main(const char *name, t_fill_fn *fill);

/* The error's whole chain of messages must contain @text; frees the error. */
void t_err_contains(struct err **err, const char *text);
/* Waits until the file's last change is old enough for cachefile_identify(). Only time does that. */
void t_wait_settled(const char *path);
/* A fresh directory below $TMPDIR, removed by t_rmdir(). */
char *t_tmpdir(void);
void t_rmdir(char *dir);

#define t_ok(expr)	    ck_assert_int_ge((expr), 0)
#define t_errno(expr, code) ck_assert_int_eq((expr), -(code))

#endif
