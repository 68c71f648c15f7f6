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

/* What an error means to the user. src/cli makes exit statuses of them. */
enum err_kind {
	ERR_BY_CODE,	 /* err_kind_of() derives the kind from the code */
	ERR_IMPOSSIBLE,	 /* something that the user required is not possible */
	ERR_USAGE,	 /* the command line or an environment variable is wrong */
	ERR_DATA,	 /* an input is damaged or wrong */
	ERR_MISSING,	 /* a backend, kernel, tool or file that is needed is not there or does not work */
	ERR_BUG,	 /* a bug in ktstr */
	ERR_OUTPUT,	 /* output could not be written */
	ERR_BUSY,	 /* a resource is in use or used up: try again */
	ERR_INTERRUPTED, /* by a signal or a cancel */
	ERR_KIND_MAX,
};

struct err {
	int code; /* negative errno */
	enum err_kind kind;
	char *msg;
	char *hint; /* what the user can do about it, or NULL */
	struct err *cause;
};

/* Both store a new innermost error in *@err unless @err is NULL, and return @code. FAIL_SYS appends strerror(-code). */
int err_fail(struct err **err, enum err_kind kind, int code, const char *fmt, ...) PRINTF_LIKE(4, 5);
int err_fail_sys(struct err **err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
#define FAIL(err, kind, code, ...) err_fail(err, kind, code, __VA_ARGS__)
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

/* The kind that the innermost layer set; if none did, one derived from the code. Never ERR_BY_CODE. */
enum err_kind err_kind_of(const struct err *err);

#endif
