/* SPDX-License-Identifier: GPL-2.0-only */
/* gates.c -- limits on rates, latencies, migrations and memory nodes: one row per limit, in the table at the end. */
#include <stdio.h>

#include "verdict/exact_checks.h"
#include "verdict/gates.h"

/* --- each worker -------------------------------------------------------------------------------------------------- */

static const char *counts_nothing(const struct checked_load *l)
{
	return l->s->counting ? NULL : "its workers count no work";
}

static const char *no_time(const struct checked_load *l)
{
	return l->s->off_cpu_workers == l->s->workers ? NULL : "a worker had no wall time";
}

/* The finding names the slowest worker only. */
static const struct wire_worker *find_slowest(const struct check_run *run, const struct checked_load *l,
					      double (*rate)(const struct wire_worker *w))
{
	const struct wire_worker *slowest = NULL;
	for (uint32_t i = 0; i < run->e->worker_count; i++) {
		const struct wire_worker *w = &run->e->worker[i].wire;
		if (w->cgroup == l->index && (!slowest || rate(w) < rate(slowest)))
			slowest = w;
	}
	return slowest;
}

static void check_work_rate(struct check_run *run, const struct checked_load *l, double floor)
{
	const struct wire_worker *w = find_slowest(run, l, worker_work_rate);
	if (w)
		note_value(run, l, LIMIT_WORK_RATE, worker_work_rate(w), floor);
	if (w && worker_work_rate(w) < floor)
		check_fails(run, LIMIT_WORK_RATE, "%s: worker %d throughput %.0f work/cpu_s below floor %.0f", l->name,
			    w->tid, worker_work_rate(w), floor);
}

static void check_iteration_rate(struct check_run *run, const struct checked_load *l, double floor)
{
	const struct wire_worker *w = find_slowest(run, l, worker_iteration_rate);
	if (w)
		note_value(run, l, LIMIT_ITERATION_RATE, worker_iteration_rate(w), floor);
	if (w && worker_iteration_rate(w) < floor)
		check_fails(run, LIMIT_ITERATION_RATE, "%s: worker %d iteration rate %.1f/s below floor %.1f/s",
			    l->name, w->tid, worker_iteration_rate(w), floor);
}

/* --- the workers of one load together ----------------------------------------------------------------------------- */

static const char *no_comparison(const struct checked_load *l)
{
	if (l->g->workers < 2)
		return "it has one worker";
	return l->g->roles ? "its workers have different roles" : counts_nothing(l);
}

static const char *no_work(const struct checked_load *l)
{
	return l->s->mean_work_rate > 0 ? NULL : "its workers did no work";
}

static void check_throughput(struct check_run *run, const struct checked_load *l, double limit)
{
	note_value(run, l, LIMIT_THROUGHPUT_CV, l->s->throughput_cv, limit);
	if (l->s->throughput_cv > limit)
		check_fails(run, LIMIT_THROUGHPUT_CV,
			    "%s: throughput CV %.3f exceeds limit %.3f (mean=%.0f work/cpu_s)", l->name,
			    l->s->throughput_cv, limit, l->s->mean_work_rate);
}

static const char *no_wakes(const struct checked_load *l)
{
	return l->g->wakes || l->s->wake_samples ? NULL : "it has no wake-ups that are timed";
}

static const char *no_sample(const struct checked_load *l)
{
	return l->s->wake_samples ? NULL : "no wake-up was timed";
}

static const char *one_sample(const struct checked_load *l)
{
	return l->s->wake_samples > 1 ? NULL : "fewer than two wake-ups were timed";
}

static uint64_t longest_wake(const struct wire_worker *w)
{
	return w->max_wake_ns;
}

/*
 * "; the longest was 52.3 ms, of tid 40, until 334 ms after the test began, then it ran on cpu1"; "" without a worker
 * that measured one. Returns when that was.
 */
static struct finding_moment describe_longest_wake(const struct check_run *run, const struct checked_load *l, char *out,
						   size_t size)
{
	char length[TIME_TEXT_MAX];
	const struct wire_worker *w = find_largest(run, l, longest_wake);
	out[0] = '\0';
	if (!w || !w->max_wake_ns)
		return (struct finding_moment){ .cpu = -1 };
	uint64_t end = w->max_wake_at_ns;
	snprintf(out, size, "; the longest was %s, of tid %d, until %.0f ms after the test began, then it ran on cpu%u",
		 nsec_measure((double)w->max_wake_ns, length), w->tid, exact_test_ms(run->e, end), w->max_wake_cpu);
	return (struct finding_moment){ end - MIN_OF(w->max_wake_ns, end), end, w->tid, -1 };
}

static void check_latency(struct check_run *run, const struct checked_load *l, double limit_ns)
{
	char p99[TIME_TEXT_MAX], limit[TIME_TEXT_MAX], median[TIME_TEXT_MAX], longest[128];
	note_wait(run, l, LIMIT_P99_WAKE, l->s->p99_wake_us * 1000, limit_ns);
	if (l->s->p99_wake_us * 1000 <= limit_ns)
		return;
	if (!is_over_for_sure(run, l->s->p99_wake_us * 1000, limit_ns)) {
		cannot_judge_contended(run, l, LIMIT_P99_WAKE, l->s->p99_wake_us * 1000, limit_ns);
		return;
	}
	const struct finding_moment moment = describe_longest_wake(run, l, longest, sizeof(longest));
	check_fails(run, LIMIT_P99_WAKE, "%s: p99 wake latency %s (limit %s), median %s, in %lu wake-ups%s", l->name,
		    nsec_measure(l->s->p99_wake_us * 1000, p99), nsec_measure(limit_ns, limit),
		    nsec_measure(l->s->median_wake_us * 1000, median), l->s->wake_samples, longest);
	judgement_moment(run->j, &moment);
}

static void check_wake_cv(struct check_run *run, const struct checked_load *l, double limit)
{
	note_value(run, l, LIMIT_WAKE_CV, l->s->wake_cv, limit);
	if (l->s->wake_cv > limit)
		check_fails(run, LIMIT_WAKE_CV, "%s: wake latency CV %.3f exceeds limit %.3f (%lu samples)", l->name,
			    l->s->wake_cv, limit, l->s->wake_samples);
}

static const char *no_iterations(const struct checked_load *l)
{
	return l->s->iterations ? NULL : "there were no iterations";
}

static void check_migrations(struct check_run *run, const struct checked_load *l, double limit)
{
	const struct cgroup_stats *s = l->s;
	note_value(run, l, LIMIT_MIGRATION_RATIO, s->migration_ratio, limit);
	if (s->migration_ratio > limit)
		check_fails(run, LIMIT_MIGRATION_RATIO,
			    "%s: migration ratio %.4f exceeds limit %.4f (%lu migrations, %lu iterations)", l->name,
			    s->migration_ratio, limit, s->migrations, s->iterations);
}

/* --- memory nodes ------------------------------------------------------------------------------------------------- */

static const char *no_wanted_nodes(const struct checked_load *l)
{
	return l->g->nodes ? NULL : "it has neither a cpuset nor a memory policy";
}

static const char *no_pages(const struct checked_load *l)
{
	return l->s->pages ? NULL : "no pages were counted";
}

static void check_locality(struct check_run *run, const struct checked_load *l, double limit)
{
	const struct cgroup_stats *s = l->s;
	note_value(run, l, LIMIT_PAGE_LOCALITY, s->page_locality, limit);
	if (s->page_locality < limit)
		check_fails(run, LIMIT_PAGE_LOCALITY,
			    "%s: page locality %.3f below threshold %.3f (%lu/%lu pages local)", l->name,
			    s->page_locality, limit, s->local_pages, s->pages);
}

static void check_cross_node(struct check_run *run, const struct checked_load *l, double limit)
{
	const struct cgroup_stats *s = l->s;
	note_value(run, l, LIMIT_CROSS_NODE, s->cross_node_migration_ratio, limit);
	if (s->cross_node_migration_ratio > limit)
		check_fails(run, LIMIT_CROSS_NODE,
			    "%s: cross-node migration ratio %.3f exceeds limit %.3f (%lu of %lu pages)", l->name,
			    s->cross_node_migration_ratio, limit, s->migrated_pages, s->pages);
}

static void check_slow_tier(struct check_run *run, const struct checked_load *l, double limit)
{
	const struct cgroup_stats *s = l->s;
	double slow = (double)s->slow_pages / (double)s->pages;
	note_value(run, l, LIMIT_SLOW_TIER, slow, limit);
	if (slow > limit)
		check_fails(run, LIMIT_SLOW_TIER, "%s: slow tier ratio %.3f exceeds limit %.3f (%lu/%lu pages)",
			    l->name, slow, limit, s->slow_pages, s->pages);
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

struct gate {
	enum threshold which;
	bool absolute;		  /* a value of real hardware: on tcg only with .gate_on_tcg */
	const char *shared_clock; /* why it is not judged where all CPUs share a clock; NULL: it is */
	/* Why the limit does not apply to this load; NULL: it applies. */
	const char *(*lacks)(const struct checked_load *l);
	/* Why the value was not measured; NULL: it was. */
	const char *(*unmeasured)(const struct checked_load *l);
	void (*check)(struct check_run *run, const struct checked_load *l, double limit);
};

static const char *no_objection(const struct checked_load *l)
{
	(void)l;
	return NULL;
}

#define SHARED_CLOCK_WORK \
	"all CPUs of a guest share one clock (--tcg-time shared), so that more busy CPUs do not do more work"

static const struct gate gates[] = {
	{ LIMIT_WORK_RATE, true, SHARED_CLOCK_WORK, counts_nothing, no_objection, check_work_rate },
	{ LIMIT_ITERATION_RATE, true, SHARED_CLOCK_WORK, counts_nothing, no_time, check_iteration_rate },
	{ LIMIT_THROUGHPUT_CV, false, SHARED_CLOCK_WORK, no_comparison, no_work, check_throughput },
	{ LIMIT_P99_WAKE, true, SHARED_CLOCK_WAITS, no_wakes, no_sample, check_latency },
	{ LIMIT_WAKE_CV, false, SHARED_CLOCK_WAITS, no_wakes, one_sample, check_wake_cv },
	{ LIMIT_MIGRATION_RATIO, false, NULL, counts_nothing, no_iterations, check_migrations },
	{ LIMIT_PAGE_LOCALITY, false, NULL, no_wanted_nodes, no_pages, check_locality },
	{ LIMIT_CROSS_NODE, false, NULL, no_objection, no_pages, check_cross_node },
	{ LIMIT_SLOW_TIER, false, NULL, no_objection, no_pages, check_slow_tier },
};

static const char *tcg_objection(const struct check_run *run, const struct checked_load *l, const struct gate *gate)
{
	if (gate->shared_clock && clock_is_shared(run))
		return gate->shared_clock;
	if (gate->absolute && run->facts->emulated && !l->t.limit[LIMIT_GATE_ON_TCG].on)
		return "an absolute limit is not judged on tcg; .gate_on_tcg = KTSTR_ON judges it in guest time";
	return NULL;
}

static void check_gate(struct check_run *run, const struct checked_load *l, const struct gate *gate)
{
	const struct limit *limit = &l->t.limit[gate->which];
	const char *lacks = gate->lacks(l), *objection = tcg_objection(run, l, gate), *unmeasured = gate->unmeasured(l);
	if (!limit->on) {
		run->asked[gate->which] |= limit->origin == FROM_LOAD;
		return;
	}
	if (lacks && limit->origin != FROM_LOAD)
		return;
	run->asked[gate->which] = true;
	if (lacks)
		cannot_judge(run, l, gate->which, "%s", lacks);
	else if (objection && !run->told[gate->which])
		cannot_judge(run, l, gate->which, "%s", objection);
	else if (!objection && unmeasured)
		cannot_judge(run, l, gate->which, "%s", unmeasured);
	else if (!objection)
		gate->check(run, l, limit->value);
	run->told[gate->which] |= objection != NULL;
}

void check_gates(struct check_run *run, const struct checked_load *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(gates); i++)
		check_gate(run, l, &gates[i]);
}

void check_unasked(struct check_run *run, enum threshold which)
{
	const struct threshold_row *row = &threshold_rows[which];
	const struct limit *limit = &run->facts->limits->limit[which];
	if (!limit->on || run->asked[which])
		return;
	if (limit->origin == FROM_TEST)
		judgement_add(run->j, row->finding, KTSTR_INCONCLUSIVE,
			      "%s cannot be judged: the test has no load that it applies to", row->name);
	else if (limit->origin != FROM_DEFAULT)
		judgement_unjudged(run->j, row->name, "the test has no load that it applies to");
}

void check_unasked_gates(struct check_run *run)
{
	for (size_t i = 0; i < ARRAY_SIZE(gates); i++)
		check_unasked(run, gates[i].which);
	check_unasked(run, LIMIT_SPREAD);
}
