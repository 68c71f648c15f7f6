/* SPDX-License-Identifier: GPL-2.0-only */
/* granted.c -- see granted.h. */
#include "run/granted.h"

#define SAMPLES	   20 /* per limit, so that a stop that ended is noticed */
#define PERIOD_MAX (10 * NSEC_PER_SEC)
#define PERIOD_MIN (100 * NSEC_PER_MSEC)

void granted_begin(struct granted *g, nsec_t limit, nsec_t now, nsec_t away, struct vm_usage usage)
{
	*g = (struct granted){ .limit = limit, .usage = usage, .at = now, .away = away };
}

/* The part of @window in which no thread waited, where @waited is the sum over threads that wait at the same time. */
static nsec_t not_denied(nsec_t window, nsec_t ran, nsec_t waited)
{
	nsec_t wanted = ran + waited;
	nsec_t denied = wanted > window ? (nsec_t)((double)waited * (double)window / (double)wanted) : waited;
	return window - MIN_OF(denied, window);
}

void granted_sample(struct granted *g, nsec_t now, nsec_t away, struct vm_usage usage)
{
	nsec_t held = usage.held - g->usage.held;
	nsec_t window = MAX_OF((now - g->at) - (away - g->away) - held, 0);
	/* The sums shrink when a thread ends. */
	nsec_t ran = MAX_OF(usage.cpu - g->usage.cpu, 0), waited = MAX_OF(usage.waited - g->usage.waited, 0);
	if (!usage.known || !g->usage.known)
		ran = waited = 0;
	bool stopped = usage.stopped || g->usage.stopped;
	g->granted += stopped ? MIN_OF(ran, window) : not_denied(window, ran, waited);
	g->elapsed += window;
	g->cpu += ran;
	g->usage = usage;
	g->at = now;
	g->away = away;
}

nsec_t granted_left(const struct granted *g)
{
	nsec_t period = MAX_OF(MIN_OF(g->limit / SAMPLES, PERIOD_MAX), PERIOD_MIN);
	/* A process that is stopped may stay so for ever. */
	bool stopped_for_good = g->usage.stopped && g->elapsed >= g->limit;
	if (stopped_for_good || g->granted >= g->limit || g->elapsed >= GRANTED_ELAPSED_MAX * g->limit)
		return 0;
	return MIN_OF(period, g->limit - g->granted);
}
