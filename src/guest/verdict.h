/* SPDX-License-Identifier: GPL-2.0-only */
/* verdict.h -- the order of a test's own verdicts. */
#ifndef KTSTR_GUEST_VERDICT_H
#define KTSTR_GUEST_VERDICT_H

#include <ktstr/check.h>

/* A step that is skipped ends the test: for the engine a Skip is worse than a Pass. */
static inline enum ktstr_verdict verdict_worse(enum ktstr_verdict a, enum ktstr_verdict b)
{
	static const int ranks[] = { [KTSTR_PASS] = 0, [KTSTR_SKIP] = 1, [KTSTR_INCONCLUSIVE] = 2, [KTSTR_FAIL] = 3 };
	return ranks[b] > ranks[a] ? b : a;
}

#endif
