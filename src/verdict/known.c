/* SPDX-License-Identifier: GPL-2.0-only */
/* known.c -- see known.h. */
#include <stddef.h>

#include "verdict/known.h"

enum known_outcome known_outcome(bool known, const struct judgement *j)
{
	const struct detail *cause = judgement_cause(j);
	if (!known)
		return KNOWN_NONE;
	if (j->verdict == KTSTR_PASS)
		return KNOWN_XPASS;
	/* A skip that is not allowed is a failure, but not of the test. */
	return j->verdict == KTSTR_FAIL && !(cause && cause->kind == DETAIL_SKIP) ? KNOWN_XFAIL : KNOWN_NONE;
}

const char *known_outcome_name(enum known_outcome o)
{
	static const char *const names[] = { [KNOWN_NONE] = NULL, [KNOWN_XFAIL] = "xfail", [KNOWN_XPASS] = "xpass" };
	return names[o];
}
