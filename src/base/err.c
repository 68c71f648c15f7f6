/* SPDX-License-Identifier: GPL-2.0-only */
/* err.c -- see err.h. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

static char oom_msg[] = "out of memory";
static struct err oom = { .code = -ENOMEM, .kind = ERR_BUSY, .msg = oom_msg };

static struct err *err_new(int code, enum err_kind kind, const char *fmt, va_list ap)
{
	struct err *e = calloc(1, sizeof(*e));
	if (!e)
		return &oom;
	e->code = code;
	e->kind = kind;
	if (vasprintf(&e->msg, fmt, ap) < 0) {
		free(e);
		return &oom;
	}
	/* Messages contain names of files, versions and tests, which can have any bytes. */
	if (!text_is_clean(e->msg, strlen(e->msg), /* line= */ true)) {
		char *raw = e->msg;
		e->msg = text_clean_line(raw);
		free(raw);
	}
	if (!e->msg) {
		free(e);
		return &oom;
	}
	return e;
}

int err_fail(struct err **err, enum err_kind kind, int code, const char *fmt, ...)
{
	if (err) {
		va_list ap;
		va_start(ap, fmt);
		err_free(*err);
		*err = err_new(code, kind, fmt, ap);
		va_end(ap);
	}
	return code;
}

int err_fail_sys(struct err **err, int code, const char *fmt, ...)
{
	if (!err)
		return code;
	va_list ap;
	va_start(ap, fmt);
	err_free(*err);
	*err = err_new(code, ERR_BY_CODE, fmt, ap);
	va_end(ap);
	if (*err == &oom)
		return code;
	char *full = NULL;
	if (asprintf(&full, "%s: %s", (*err)->msg, strerror(-code)) >= 0) {
		free((*err)->msg);
		(*err)->msg = full;
	}
	return code;
}

int err_wrap(struct err **err, int code, const char *fmt, ...)
{
	if (!err || !*err)
		return code;
	va_list ap;
	va_start(ap, fmt);
	struct err *outer = err_new((*err)->code, ERR_BY_CODE, fmt, ap);
	va_end(ap);
	if (outer == &oom)
		return code;
	outer->cause = *err;
	*err = outer;
	return code;
}

void err_hint(struct err *err, const char *fmt, ...)
{
	if (!err || err == &oom)
		return;
	for (const struct err *e = err; e; e = e->cause)
		if (e->hint)
			return;
	va_list ap;
	va_start(ap, fmt);
	char *raw = NULL;
	if (vasprintf(&raw, fmt, ap) < 0)
		raw = NULL;
	va_end(ap);
	err->hint = raw ? text_clean_line(raw) : NULL;
	free(raw);
}

struct err *err_free(struct err *err)
{
	while (err && err != &oom) {
		struct err *cause = err->cause;
		free(err->msg);
		free(err->hint);
		free(err);
		err = cause;
	}
	return NULL;
}

void err_format(const struct err *err, struct buf *out)
{
	const char *hint = NULL;
	for (const struct err *e = err; e; e = e->cause) {
		buf_appendf(out, "%s%s", e == err ? "" : ": ", e->msg);
		hint = e->hint ? e->hint : hint;
	}
	if (hint)
		buf_appendf(out, "; %s", hint);
}

enum err_kind err_kind_of(const struct err *err)
{
	enum err_kind explicit = ERR_BY_CODE;
	int code = 0;
	for (const struct err *e = err; e; e = e->cause) {
		explicit = e->kind ? e->kind : explicit;
		code = e->code;
	}
	if (explicit)
		return explicit;
	switch (-code) {
	case ENOSPC:
	case EDQUOT:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case EAGAIN:
	case EBUSY:
		return ERR_BUSY;
	case EBADMSG:
	case EINVAL:
	case ENOEXEC:
		return ERR_DATA;
	case ECANCELED:
	case EINTR:
		return ERR_INTERRUPTED;
	default:
		return ERR_MISSING;
	}
}
