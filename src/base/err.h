/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * err.h -- errors as chains of context.
 *
 * A function that can fail returns a negative errno. If the caller passes a `struct err **`, the function also stores
 * there a message: which action failed, on which object. A caller that knows more adds context once (err_wrap). The
 * command line prints the error once. Messages are made printable (text.h). A caller that needs only the code passes
 * NULL. The error for "out of memory" is static, so storing an error cannot fail.
 */
#ifndef KTSTR_BASE_ERR_H
#define KTSTR_BASE_ERR_H

#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"

/* Exit statuses other than verdicts. Numbers from 64 to 75 are those of sysexits.h. */
enum exit_status {
	EXIT_NONE = 0,	 /* not set: err_exit_status() derives it from the code */
	EXIT_FAILED = 1, /* like a failed test: something that the user required is not possible */
	EXIT_BAD_USAGE = 64,
	EXIT_BAD_DATA = 65,
	EXIT_NO_BACKEND = 69, /* no usable backend, kernel or tool */
	EXIT_BUG = 70,
	EXIT_NO_OUTPUT = 74,  /* output could not be written */
	EXIT_CONTENTION = 75, /* a resource is in use or used up: try again */
	EXIT_INTERRUPTED = 130,
};

struct err {
	int code; /* negative errno */
	enum exit_status exit;
	char *msg;
	char *hint; /* what the user can do about it, or NULL */
	struct err *cause;
};

/* Both store a new innermost error in *@err unless @err is NULL, and return @code. FAIL_SYS appends strerror(-code). */
int err_fail(struct err **err, enum exit_status exit, int code, const char *fmt, ...) PRINTF_LIKE(4, 5);
int err_fail_sys(struct err **err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
#define FAIL(err, exit, code, ...) err_fail(err, exit, code, __VA_ARGS__)
#define FAIL_SYS(err, code, ...)   err_fail_sys(err, code, __VA_ARGS__)

/* Adds context before the message of *@err. Returns @code. */
int err_wrap(struct err **err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Sets the hint of @err, unless a deeper layer has set one. */
void err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

struct err *err_free(struct err *err);
DEFINE_CLEANUP(struct err *, err_free)
#define _cleanup_err_ _cleanup_(err_free_p)

/* Appends the chain as one line: outermost context first, then the messages below it, then `; hint` if there is one. */
void err_format(const struct err *err, struct buf *out);

/* The exit status that the innermost layer set; if none did, one derived from the code. */
enum exit_status err_exit_status(const struct err *err);

#endif
