/* SPDX-License-Identifier: GPL-2.0-only */
/* flake.h -- combines several tries of one test, each with its own seed, into one result. Pure functions. */
#ifndef KTSTR_VERDICT_FLAKE_H
#define KTSTR_VERDICT_FLAKE_H

#include "verdict/judgement.h"

/*
 * Either a test that did not pass is tried up to `retries` more times, until it passes. Or it is always tried `repeat`
 * times, and passes if at least `require` tries pass.
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
	bool final;		    /* there will be no further try */
	bool flaky;		    /* the result is a pass, but not every try passed */
	enum ktstr_verdict verdict; /* if final, of all tries together; else of the last one */
	unsigned passed, tries;
};

/* Stores the judgement of try @number (1: the first); replaces an earlier one of the same number. */
int flake_note(struct flake_history *h, unsigned number, uint64_t seed, const struct judgement *j);
void flake_done(struct flake_history *h);
/*
 * Folds all tries so far. @cut: no further try will follow, because the run was interrupted. Then a test with a failed
 * try and no pass after it is a Fail, and so is a repetition that can no longer reach `require`.
 */
struct flake_outcome flake_fold(const struct flake_policy *p, const struct flake_history *h, bool cut);
/* Changes the last try's judgement into that of all tries: sets the verdict and, if another try decided, a detail. */
void flake_apply(const struct flake_policy *p, const struct flake_history *h, const struct flake_outcome *o,
		 struct judgement *j);

#endif
