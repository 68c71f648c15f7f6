/* SPDX-License-Identifier: GPL-2.0-only */
/* flake.c -- see flake.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/flake.h"

int flake_note(struct flake_history *h, unsigned number, uint64_t seed, const struct judgement *j)
{
	const struct detail *cause = j->verdict == KTSTR_PASS ? NULL : judgement_cause(j);
	if (number > h->count) {
		struct flake_try *more = realloc(h->item, number * sizeof(*more));
		if (!more)
			return -ENOMEM;
		memset(more + h->count, 0, (number - h->count) * sizeof(*more));
		h->item = more;
		h->count = number;
	}
	struct flake_try *t = &h->item[number - 1];
	free(t->cause);
	*t = (struct flake_try){ .seed = seed, .verdict = j->verdict, .cause = cause ? strdup(cause->text) : NULL };
	return cause && !t->cause ? -ENOMEM : 0;
}

void flake_done(struct flake_history *h)
{
	for (unsigned i = 0; i < h->count; i++)
		free(h->item[i].cause);
	free(h->item);
	*h = (struct flake_history){ 0 };
}

/* Not enough passed; had what was inconclusive passed, would it have been enough? */
static enum ktstr_verdict fold_repeats(unsigned passed, unsigned inconclusive, unsigned require)
{
	if (passed >= require)
		return KTSTR_PASS;
	return passed + inconclusive >= require ? KTSTR_INCONCLUSIVE : KTSTR_FAIL;
}

struct flake_outcome flake_fold(const struct flake_policy *p, const struct flake_history *h)
{
	struct flake_outcome o = { .tries = h->count, .verdict = KTSTR_SKIP };
	unsigned inconclusive = 0;
	for (unsigned i = 0; i < h->count; i++) {
		o.passed += h->item[i].verdict == KTSTR_PASS;
		inconclusive += h->item[i].verdict == KTSTR_INCONCLUSIVE;
		o.verdict = h->item[i].verdict;
	}
	if (o.verdict == KTSTR_SKIP) {
		o.final = true;		/* what cannot run once cannot run twice */
	} else if (p->repeat > 1) {
		o.final = h->count >= p->repeat;
		if (o.final)
			o.verdict = fold_repeats(o.passed, inconclusive, p->require);
	} else {
		o.final = o.verdict == KTSTR_PASS || h->count > p->retries;
	}
	o.flaky = o.final && o.verdict == KTSTR_PASS && o.passed < o.tries;
	return o;
}

void flake_apply(const struct flake_policy *p, const struct flake_outcome *o, struct judgement *j)
{
	if (!o->final || p->repeat < 2 || o->verdict == KTSTR_SKIP)
		return;
	if (o->verdict != KTSTR_PASS)
		judgement_lead(j, DETAIL_FLAKE, o->verdict, "passed %u of %u tries, %u are required", o->passed,
			       o->tries, p->require);
	j->verdict = o->verdict;
}
