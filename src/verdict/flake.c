/* SPDX-License-Identifier: GPL-2.0-only */
/* flake.c -- see flake.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
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

/* Number of tries with the verdict @v. */
static unsigned tries_with(const struct flake_history *h, enum ktstr_verdict v)
{
	unsigned n = 0;
	for (unsigned i = 0; i < h->count; i++)
		n += h->item[i].verdict == v;
	return n;
}

/* Too few passes are Inconclusive if they would be enough with all tries that did not fail, else Fail. */
static enum ktstr_verdict fold_repeats(const struct flake_policy *p, const struct flake_history *h)
{
	if (tries_with(h, KTSTR_PASS) >= p->require)
		return KTSTR_PASS;
	return p->repeat - tries_with(h, KTSTR_FAIL) >= p->require ? KTSTR_INCONCLUSIVE : KTSTR_FAIL;
}

/* Retries end with the first pass, so only the last try can be a pass. */
static enum ktstr_verdict fold_retries(const struct flake_history *h, enum ktstr_verdict last)
{
	if (last == KTSTR_PASS)
		return KTSTR_PASS;
	return tries_with(h, KTSTR_FAIL) ? KTSTR_FAIL : KTSTR_INCONCLUSIVE;
}

struct flake_outcome flake_fold(const struct flake_policy *p, const struct flake_history *h, bool cut)
{
	enum ktstr_verdict last = h->count ? h->item[h->count - 1].verdict : KTSTR_SKIP;
	struct flake_outcome o = { .tries = h->count, .verdict = last, .passed = tries_with(h, KTSTR_PASS) };
	bool repeats = p->repeat > 1;
	unsigned most = repeats ? p->repeat : p->retries + 1;
	/* A skipped test would be skipped again. */
	o.final = cut || last == KTSTR_SKIP || h->count >= most || (!repeats && last == KTSTR_PASS);
	if (o.final && tries_with(h, KTSTR_SKIP) < h->count)
		o.verdict = repeats ? fold_repeats(p, h) : fold_retries(h, last);
	o.flaky = o.final && o.verdict == KTSTR_PASS && o.passed < o.tries;
	return o;
}

/* The first try with the verdict @v, or NULL. */
static const struct flake_try *first_with(const struct flake_history *h, enum ktstr_verdict v)
{
	for (unsigned i = 0; i < h->count; i++)
		if (h->item[i].verdict == v)
			return &h->item[i];
	return NULL;
}

/* "; try 3 of them: CAUSE" of the last try that did not pass, or "". */
static void describe_last(const struct flake_history *h, struct buf *out)
{
	for (unsigned i = h->count; i > 0; i--) {
		const struct flake_try *t = &h->item[i - 1];
		if (t->verdict == KTSTR_PASS || !t->cause)
			continue;
		buf_appendf(out, "; try %u: %s", i, t->cause);
		return;
	}
}

static void lead_repeats(const struct flake_policy *p, const struct flake_history *h, const struct flake_outcome *o,
			 struct judgement *j)
{
	_cleanup_buf_ struct buf last = BUF_NULL;
	describe_last(h, &last);
	if (o->tries < p->repeat)
		judgement_lead(j, DETAIL_FLAKE, o->verdict, "passed %u of %u tries, %u of %u are required%s", o->passed,
			       o->tries, p->require, p->repeat, buf_str(&last));
	else
		judgement_lead(j, DETAIL_FLAKE, o->verdict, "passed %u of %u tries, %u are required%s", o->passed,
			       o->tries, p->require, buf_str(&last));
}

void flake_apply(const struct flake_policy *p, const struct flake_history *h, const struct flake_outcome *o,
		 struct judgement *j)
{
	const struct flake_try *decided = first_with(h, o->verdict);
	if (!o->final || o->verdict == KTSTR_SKIP)
		return;
	if (p->repeat > 1 && o->verdict != KTSTR_PASS)
		lead_repeats(p, h, o, j);
	else if (o->verdict != j->verdict && decided)
		judgement_lead(j, DETAIL_FLAKE, o->verdict, "attempt %u: %s", (unsigned)(decided - h->item) + 1,
			       decided->cause ? decided->cause : verdict_name(o->verdict));
	j->verdict = o->verdict;
}
