/* SPDX-License-Identifier: GPL-2.0-only */
/* unheard.c -- stubs of body.c's functions, for tests that link guest code without a test's body. */
#include "guest/ctx.h"

void ctx_detail(struct ktstr_ctx *t, enum ktstr_verdict verdict, const char *fmt, ...)
{
	(void)t;
	(void)verdict;
	(void)fmt;
}

int ktstr_expect(struct ktstr_ctx *t, int ok, const char *fmt, ...)
{
	(void)t;
	(void)fmt;
	return ok;
}
