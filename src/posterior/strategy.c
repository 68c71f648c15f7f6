/* SPDX-License-Identifier: GPL-2.0-only */
/* strategy.c -- see strategy.h. */
#include "posterior/strategy.h"

#include <stdlib.h>

static unsigned runs_at(const struct posterior *p, size_t point)
{
	return p->tally[point].failed + p->tally[point].passed;
}

static unsigned runs_in_all(const struct posterior *p)
{
	unsigned n = 0;
	for (size_t i = 0; i < p->history->count; i++)
		n += runs_at(p, i);
	return n;
}

/* Fills in what is missing at a point of @wanted runs. False: they are there. */
static bool want_runs(const struct posterior *p, struct strategy_step *step, enum strategy_phase phase, size_t point,
		      unsigned wanted, unsigned max_fail)
{
	unsigned made = runs_at(p, point);
	if (made >= wanted)
		return false;
	step->phase = phase;
	step->point = point;
	step->runs = wanted - made;
	step->max_fail = max_fail;
	return true;
}

/* --- the ends ----------------------------------------------------------------------------------------------------- */

static enum strategy_answer calibrate(const struct strategy *s, const struct posterior *p, struct strategy_step *step)
{
	size_t bad = p->history->count - 1;
	unsigned failed = p->tally[bad].failed;
	if (p->untestable[bad])
		return STRATEGY_BAD_UNTESTED;
	if (failed >= STRATEGY_FAILURES ||
	    !want_runs(p, step, PHASE_CALIBRATE, bad, s->calibrate_max, STRATEGY_FAILURES - failed))
		return failed ? STRATEGY_FOUND : STRATEGY_BAD_PASSES;
	return STRATEGY_RUN;
}

static enum strategy_answer check_good(const struct posterior *p, struct strategy_step *step)
{
	if (p->tally[0].failed)
		return STRATEGY_GOOD_FAILS;
	if (p->untestable[0])
		return STRATEGY_GOOD_UNTESTED;
	return want_runs(p, step, PHASE_CHECK_GOOD, 0, step->good_runs, 1) ? STRATEGY_RUN : STRATEGY_FOUND;
}

/* --- the answer --------------------------------------------------------------------------------------------------- */

/* The culprit fails, and its parents do not, with twice as many runs as make a point good. */
static enum strategy_answer verify(const struct posterior *p, size_t culprit, struct strategy_step *step)
{
	const struct lineage *h = p->history;
	if (!p->untestable[culprit] && !p->tally[culprit].failed &&
	    want_runs(p, step, PHASE_VERIFY, culprit, 2 * step->good_runs, 1))
		return STRATEGY_RUN;
	for (uint32_t i = h->first[culprit]; i < h->first[culprit + 1]; i++)
		if (!p->untestable[h->parent[i]] && !p->tally[h->parent[i]].failed &&
		    want_runs(p, step, PHASE_VERIFY, h->parent[i], 2 * step->good_runs, 1))
			return STRATEGY_RUN;
	return STRATEGY_FOUND;
}

static size_t first_of(const bool *member, size_t count)
{
	size_t i = 1;
	while (i < count && !member[i])
		i++;
	return i;
}

static enum strategy_answer search(const struct strategy *s, const struct posterior *p,
				   const struct posterior_cost *cost, bool *member, struct strategy_step *step)
{
	double probability;
	size_t found = posterior_best(p, member, &probability);
	if (probability >= 1 - s->error)
		return found > 1 ? STRATEGY_RANGE : verify(p, first_of(member, p->history->count), step);
	step->phase = PHASE_SEARCH;
	step->max_fail = 1;
	return posterior_choose(p, cost, &step->point, &step->runs) ? STRATEGY_RUN : STRATEGY_RANGE;
}

enum strategy_answer strategy_next(const struct strategy *s, const struct posterior *p,
				   const struct posterior_cost *cost, struct strategy_step *ret)
{
	size_t bad = p->history->count - 1;
	*ret = (struct strategy_step){ 0 };
	enum strategy_answer a = calibrate(s, p, ret);
	if (a != STRATEGY_FOUND)
		return a;
	ret->good_runs = posterior_runs(p, bad, s->error, s->calibrate_max);
	a = check_good(p, ret);
	if (a != STRATEGY_FOUND)
		return a;
	bool *member = calloc(p->history->count, sizeof(*member));
	if (!member)
		return STRATEGY_LIMIT;
	a = search(s, p, cost, member, ret);
	free(member);
	return a == STRATEGY_RUN && runs_in_all(p) >= s->runs_max ? STRATEGY_LIMIT : a;
}
