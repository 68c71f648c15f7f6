/* SPDX-License-Identifier: GPL-2.0-only */
/* known.h -- what a verdict means for a test whose failure is known. Pure. */
#ifndef KTSTR_VERDICT_KNOWN_H
#define KTSTR_VERDICT_KNOWN_H

#include "verdict/judgement.h"

struct known_fail {
	const char *reason; /* NULL: none is known */
	bool flaky;	    /* it fails only now and then */
};

enum known_outcome {
	KNOWN_NONE,
	KNOWN_XFAIL, /* it failed, as known */
	KNOWN_XPASS, /* it passed, although it was known to fail */
};

/* @known: a failure of the test is known. @j: its final judgement. What did not run did not fail as known. */
enum known_outcome known_outcome(bool known, const struct judgement *j);
/* "xfail", "xpass", or NULL. */
const char *known_outcome_name(enum known_outcome o);

#endif
