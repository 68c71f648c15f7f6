/* SPDX-License-Identifier: GPL-2.0-only */
/* flaky_history.c -- see flaky_history.h. */
#include "flaky_history.h"

#include <stdlib.h>

static double uniform(struct rng *r)
{
	return (double)(rng_next(r) >> 11) * 0x1p-53;
}

static bool is_untestable(const struct flaky_history *w, size_t point)
{
	struct rng r = { w->salt + point * 7919 };
	rng_next(&r);
	return point && point + 1 < w->history->count && uniform(&r) < w->untestable;
}

static bool run_fails(struct flaky_history *w, bool is_bad)
{
	return uniform(&w->rng) < (is_bad ? w->rate : w->noise);
}

static void make_runs(struct flaky_history *w, struct posterior *p, const struct strategy_step *step)
{
	bool is_bad = posterior_is_ancestor(p, step->point, w->culprit);
	unsigned failed = 0, made = 0;
	while (made < step->runs && failed < step->max_fail) {
		failed += run_fails(w, is_bad);
		made++;
	}
	w->runs[step->phase] += made;
	posterior_tell(p, step->point, failed, made - failed);
}

static struct flaky_answer judge(const struct flaky_history *w, const struct posterior *p, enum strategy_answer a)
{
	struct flaky_answer ret = { .answer = a };
	bool *member = calloc(p->history->count, sizeof(*member));
	double probability;
	ret.members = a == STRATEGY_FOUND || a == STRATEGY_RANGE ? posterior_best(p, member, &probability)
								 : posterior_credible(p, 0.99, member);
	ret.has_culprit = member[w->culprit];
	for (unsigned i = 0; i <= PHASE_VERIFY; i++)
		ret.runs += w->runs[i];
	free(member);
	return ret;
}

struct flaky_answer flaky_bisect(struct flaky_history *w, const struct strategy *s, double prepare, unsigned batch)
{
	struct posterior p;
	struct strategy_step step;
	bool *is_ready = calloc(w->history->count, sizeof(*is_ready));
	struct posterior_cost cost = { .run = 1, .prepare = prepare, .is_ready = is_ready, .batch = batch };
	enum strategy_answer a = STRATEGY_LIMIT;
	if (!is_ready || posterior_init(&p, w->history) < 0)
		abort();
	while ((a = strategy_next(s, &p, &cost, &step)) == STRATEGY_RUN) {
		w->prepared += !is_ready[step.point];
		is_ready[step.point] = true;
		if (is_untestable(w, step.point))
			posterior_skip(&p, step.point);
		else
			make_runs(w, &p, &step);
	}
	struct flaky_answer ret = judge(w, &p, a);
	posterior_done(&p);
	free(is_ready);
	return ret;
}

bool flaky_plain(struct flaky_history *w, unsigned repeats, bool stop, unsigned *ret_runs)
{
	size_t good = 0, bad = w->history->count - 1;
	*ret_runs = 0;
	while (bad - good > 1) {
		size_t middle = good + (bad - good) / 2;
		unsigned failed = 0;
		for (unsigned i = 0; i < repeats && !(stop && failed); i++) {
			failed += run_fails(w, middle >= w->culprit);
			(*ret_runs)++;
		}
		*(failed ? &bad : &good) = middle;
	}
	return bad == w->culprit;
}
