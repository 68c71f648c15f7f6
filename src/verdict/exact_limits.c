/* SPDX-License-Identifier: GPL-2.0-only */
/* exact_limits.c -- see exact_limits.h. One row per limit, in the table at the end of each part. */
#include <math.h>
#include <stddef.h>

#include "verdict/exact_checks.h"
#include "verdict/exact_limits.h"
#include "verdict/gates.h"

static const struct exact_figures *figures_of(const struct check_run *run, const struct checked_load *l)
{
	const struct exact_evidence *x = run->e->exact;
	return x && x->load && l->index < x->loads ? &x->load[l->index] : NULL;
}

/* --- percentiles -------------------------------------------------------------------------------------------------- */

/* A percentile needs so many durations that one of them is beyond it. The median needs 16, as elsewhere. */
static const struct percentile {
	enum threshold which;
	const char *part; /* of all durations */
	const char *what;
	uint64_t least;
	size_t times, value; /* offsets in struct exact_figures, struct exact_times */
} percentiles[] = {
#define WAKEUP(which, part, least, value)                                              \
	{                                                                              \
		which, part, "wake-up", least, offsetof(struct exact_figures, wakeup), \
			offsetof(struct exact_times, value)                            \
	}
#define WAIT(which, part, least, value)                                                                               \
	{                                                                                                             \
		which, part, "wait", least, offsetof(struct exact_figures, wait), offsetof(struct exact_times, value) \
	}
	WAKEUP(LIMIT_P50_WAKEUP, "half", 16, p50),   WAKEUP(LIMIT_P90_WAKEUP, "90 %", 16, p90),
	WAKEUP(LIMIT_P99_WAKEUP, "99 %", 100, p99),  WAKEUP(LIMIT_P999_WAKEUP, "99.9 %", 1000, p999),
	WAKEUP(LIMIT_LONGEST_WAKEUP, "all", 1, max), WAIT(LIMIT_P50_WAIT, "half", 16, p50),
	WAIT(LIMIT_P90_WAIT, "90 %", 16, p90),	     WAIT(LIMIT_P99_WAIT, "99 %", 100, p99),
	WAIT(LIMIT_P999_WAIT, "99.9 %", 1000, p999),
};

static void percentile_fails(struct check_run *run, const struct checked_load *l, const struct percentile *p,
			     const struct exact_times *t, uint64_t ns, double limit_ns)
{
	char took[TIME_TEXT_MAX], most[TIME_TEXT_MAX], longest[TIME_TEXT_MAX];
	check_fails(run, p->which,
		    "%s: %s of its %lu %ss took at most %s (limit %s); the longest took %s, of tid %d, until %.0f ms "
		    "after the test began",
		    l->name, p->part, t->count, p->what, nsec_measure((double)ns, took), nsec_measure(limit_ns, most),
		    nsec_measure((double)t->max, longest), t->tid, exact_test_ms(run->e, t->max_end_ns));
	const struct finding_moment moment = { t->max_end_ns - MIN_OF(t->max, t->max_end_ns), t->max_end_ns, t->tid,
					       -1 };
	judgement_moment(run->j, &moment);
}

static bool is_enough(struct check_run *run, const struct checked_load *l, const struct percentile *p, uint64_t count)
{
	bool enough = count >= p->least, of_load = l->t.limit[p->which].origin == FROM_LOAD;
	if (!enough && of_load)
		cannot_judge(run, l, p->which,
			     "the load had %lu %ss, and %s of them mean something only of %lu or more", count, p->what,
			     p->part, p->least);
	run->asked[p->which] |= enough || of_load;
	return enough;
}

static void check_percentile(struct check_run *run, const struct checked_load *l, const struct percentile *p)
{
	const struct exact_figures *f = figures_of(run, l);
	const struct exact_times *t = (const struct exact_times *)((const char *)f + p->times);
	uint64_t ns = *(const uint64_t *)((const char *)t + p->value);
	double limit_ns = l->t.limit[p->which].value * 1e6;
	if (!is_enough(run, l, p, t->count))
		return;
	note_wait(run, l, p->which, (double)ns, limit_ns);
	if ((double)ns > limit_ns)
		percentile_fails(run, l, p, t, ns, limit_ns);
}

/* --- places ------------------------------------------------------------------------------------------------------- */

/* Each returns what is compared with the limit; not a number: there is nothing to compare. */
static double migration_rate(const struct exact_figures *f)
{
	return f->run_ns ? (double)f->migrations * 1e9 / (double)f->run_ns : NAN;
}

static double llc_migration_rate(const struct exact_figures *f)
{
	double far = (double)(f->moves[EXACT_LLC] + f->moves[EXACT_NODE]);
	return f->run_ns ? far * 1e9 / (double)f->run_ns : NAN;
}

static double llc_stability(const struct exact_figures *f)
{
	return f->home[EXACT_LLC];
}

static const struct place_limit {
	enum threshold which;
	bool is_floor; /* less is worse */
	double (*value)(const struct exact_figures *f);
	const char *before, *after; /* the value, in the finding */
} place_limits[] = {
	{ LIMIT_MIGRATION_RATE, false, migration_rate, "", " migrations per second of CPU time" },
	{ LIMIT_LLC_MIGRATION_RATE, false, llc_migration_rate, "",
	  " migrations to another LLC per second of CPU time" },
	{ LIMIT_LLC_STABILITY, true, llc_stability, "its workers spent ",
	  " of their CPU time in the LLC where each of them ran most" },
};

static void check_place(struct check_run *run, const struct checked_load *l, const struct place_limit *p)
{
	const struct limit *limit = &l->t.limit[p->which];
	double value = p->value(figures_of(run, l));
	run->asked[p->which] |= !isnan(value) || limit->origin == FROM_LOAD;
	if (isnan(value) && limit->origin == FROM_LOAD)
		cannot_judge(run, l, p->which, "its workers did not run while a step held");
	if (isnan(value))
		return;
	note_value(run, l, p->which, value, limit->value);
	if (p->is_floor ? value >= limit->value : value <= limit->value)
		return;
	check_fails(run, p->which, "%s: %s%.4g%s (limit %.4g)", l->name, p->before, value, p->after, limit->value);
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

/* True: the limit is on, and there are figures to compare it with. What is wrong with it is said. */
static bool can_be_judged(struct check_run *run, const struct checked_load *l, enum threshold which, bool is_time)
{
	const struct limit *limit = &l->t.limit[which];
	bool shared = is_time && clock_is_shared(run);
	run->asked[which] |= limit->origin == FROM_LOAD && !limit->on;
	if (!limit->on)
		return false;
	if (!figures_of(run, l) && limit->origin == FROM_LOAD)
		cannot_judge(run, l, which, "the schedule was not recorded%s%s", run->e->no_exact ? ": " : "",
			     run->e->no_exact ?: "");
	else if (figures_of(run, l) && shared && !run->told[which])
		cannot_judge(run, l, which, SHARED_CLOCK_WAITS);
	run->told[which] |= figures_of(run, l) && shared;
	run->asked[which] |= shared || !figures_of(run, l);
	return figures_of(run, l) && !shared;
}

void check_exact_limits(struct check_run *run, const struct checked_load *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++)
		if (can_be_judged(run, l, percentiles[i].which, true))
			check_percentile(run, l, &percentiles[i]);
	for (size_t i = 0; i < ARRAY_SIZE(place_limits); i++)
		if (can_be_judged(run, l, place_limits[i].which, false))
			check_place(run, l, &place_limits[i]);
}

void check_unasked_exact_limits(struct check_run *run)
{
	for (size_t i = 0; i < ARRAY_SIZE(percentiles); i++)
		check_unasked(run, percentiles[i].which);
	for (size_t i = 0; i < ARRAY_SIZE(place_limits); i++)
		check_unasked(run, place_limits[i].which);
}
