/* SPDX-License-Identifier: GPL-2.0-only */
/* flake.h -- one result from several tries of one test, each with a seed of its own. Pure. */
#ifndef KTSTR_VERDICT_FLAKE_H
#define KTSTR_VERDICT_FLAKE_H

#include "verdict/judgement.h"

/*
 * Either: a test that did not pass is tried up to `retries` times more, until it passes. Or: it is tried `repeat`
 * times, whatever comes out, and passes when `require` of them did.
 */
struct flake_policy {
	unsigned retries;
	unsigned repeat, require; /* repeat below 2: off */
};

struct flake_try {
	uint64_t seed;
	enum ktstr_verdict verdict;
	char *cause; /* NULL: it passed */
};

struct flake_history {
	struct flake_try *item;
	unsigned count;
};

struct flake_outcome {
	bool final;		    /* there is no further try */
	bool flaky;		    /* passes, but not every try did */
	enum ktstr_verdict verdict; /* of all tries together; of the last one while not final */
	unsigned passed, tries;
};

/* Notes try @number (1: the first) of a test with what was judged; noting it again replaces it. */
int flake_note(struct flake_history *h, unsigned number, uint64_t seed, const struct judgement *j);
void flake_done(struct flake_history *h);
/*
 * @cut: no further try will follow, because the run was interrupted. Fail > Inconclusive then too: what failed without
 * passing later has failed, and so has a repetition that can no longer pass.
 */
struct flake_outcome flake_fold(const struct flake_policy *p, const struct flake_history *h, bool cut);
/* Makes the last try's judgement the whole result's: its verdict, and a first detail where other tries decided. */
void flake_apply(const struct flake_policy *p, const struct flake_history *h, const struct flake_outcome *o,
		 struct judgement *j);

#endif
