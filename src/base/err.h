/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * err.h -- errors as chains of context.
 *
 * A function that can fail returns a negative errno and, when the caller passes a `struct err **`, leaves there what
 * failed and on what. Context is added once, where it is known (err_wrap), and printed once, by the command line.
 * Texts are made printable (text.h). `err == NULL` says "I only want the code". Out of memory is a static object, so
 * making an error cannot fail.
 */
#ifndef KTSTR_BASE_ERR_H
#define KTSTR_BASE_ERR_H

#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"

/* Exit statuses that are not verdicts: the numbers of sysexits.h. */
enum exit_status {
	EXIT_NONE = 0,	 /* nothing said: see err_exit_status() */
	EXIT_FAILED = 1, /* as a failed test: a promise that was asked for cannot be kept */
	EXIT_BAD_USAGE = 64,
	EXIT_BAD_DATA = 65,
	EXIT_NO_BACKEND = 69, /* no usable backend, kernel or tool */
	EXIT_BUG = 70,
	EXIT_NO_OUTPUT = 74,  /* something could not be written */
	EXIT_CONTENTION = 75, /* a resource is taken or used up: try again */
	EXIT_INTERRUPTED = 130,
};

struct err {
	int code; /* negative errno */
	enum exit_status exit;
	char *msg;
	char *hint; /* what to do about it, or NULL */
	struct err *cause;
};

/* Both store a new innermost error in *@err (when @err is not NULL) and return @code. FAIL_SYS appends strerror(-code).
 */
int err_fail(struct err **err, enum exit_status exit, int code, const char *fmt, ...) PRINTF_LIKE(4, 5);
int err_fail_sys(struct err **err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
#define FAIL(err, exit, code, ...) err_fail(err, exit, code, __VA_ARGS__)
#define FAIL_SYS(err, code, ...)   err_fail_sys(err, code, __VA_ARGS__)

/* Puts context in front of *@err and returns its code; @code when there is no error object. */
int err_wrap(struct err **err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Says what to do about *@err; a hint that a deeper layer gave stays. */
void err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

struct err *err_free(struct err *err);
DEFINE_CLEANUP(struct err *, err_free)
#define _cleanup_err_ _cleanup_(err_free_p)

/* The chain on one line, outermost context first, `; hint` last when there is one. */
void err_format(const struct err *err, struct buf *out);

/* The innermost explicit exit status, else one by errno. */
enum exit_status err_exit_status(const struct err *err);

#endif
