/* SPDX-License-Identifier: GPL-2.0-only */
/* exact_checks.c -- see exact_checks.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <ktstr/load.h>

#include "verdict/exact_checks.h"

#define WAKEUPS_MIN 16 /* of a worker: with fewer of them, the median says little */

const struct exact_worker *exact_of(const struct evidence *e, const struct wire_worker *w)
{
	return exact_worker_at(e->exact, w->index);
}

/* --- loads -------------------------------------------------------------------------------------------------------- */

static bool is_ordinary(const struct wire_cgroup *g)
{
	return g->policy != KTSTR_POLICY_FIFO && g->policy != KTSTR_POLICY_RR && g->policy != KTSTR_POLICY_DEADLINE;
}

/*
 * Tasks that used up their quota are ready to run, but the kernel keeps them from it. Real-time policies have quotas,
 * too: of all such tasks on a CPU, or of each task's deadline.
 */
bool exact_is_throttled(const struct wire_cgroup *g)
{
	return g->quota_permyriad || !is_ordinary(g);
}

const struct wire_worker *exact_worst(const struct check_run *run, const struct checked_load *l,
				      exact_figure_fn *figure)
{
	const struct wire_worker *worst = NULL;
	uint64_t most = 0;
	for (uint32_t i = 0; i < run->e->worker_count; i++) {
		const struct wire_worker *w = &run->e->worker[i].wire;
		const struct exact_worker *x = w->cgroup == l->index ? exact_of(run->e, w) : NULL;
		if (!x || (worst && figure(x) <= most))
			continue;
		worst = w;
		most = figure(x);
	}
	return worst;
}

static uint32_t count_over(const struct check_run *run, const struct checked_load *l, exact_figure_fn *figure,
			   double limit)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < run->e->worker_count; i++) {
		const struct wire_worker *w = &run->e->worker[i].wire;
		const struct exact_worker *x = w->cgroup == l->index ? exact_of(run->e, w) : NULL;
		count += x && (double)figure(x) > limit;
	}
	return count;
}

void exact_name_others(const struct check_run *run, const struct checked_load *l, exact_figure_fn *figure, double limit,
		       char *out, size_t size)
{
	uint32_t count = count_over(run, l, figure, limit);
	out[0] = '\0';
	if (count > 1)
		snprintf(out, size, "; %u of %u workers exceeded the limit", count, l->g->workers);
}

/* @ns until @end_ns. */
static struct finding_moment moment_until(uint64_t end_ns, uint64_t ns, int32_t tid, int cpu)
{
	return (struct finding_moment){ end_ns - MIN_OF(ns, end_ns), end_ns, tid, cpu };
}

struct finding_moment exact_wait_moment(const struct evidence *e, const struct wire_worker *w)
{
	const struct exact_worker *x = w ? exact_of(e, w) : NULL;
	if (!x || !x->longest_wait_ns)
		return (struct finding_moment){ .cpu = -1 };
	return moment_until(x->wait_lasts ? e->last_ns : x->wait_end_ns, x->longest_wait_ns, w->tid, -1);
}

double exact_test_ms(const struct evidence *e, uint64_t ns)
{
	uint64_t began = e->phase_count ? e->phase[0].time_ns : 0;
	return ns > began ? (double)(ns - began) / 1e6 : 0;
}

/* The worst worker, if the check can be made for this load. */
static const struct wire_worker *begin_check(struct check_run *run, const struct checked_load *l, enum threshold which,
					     exact_figure_fn *figure)
{
	if (!run->e->exact) {
		if (l->t.limit[which].origin == FROM_LOAD)
			cannot_judge(run, l, which, "the schedule was not recorded%s%s", run->e->no_exact ? ": " : "",
				     run->e->no_exact ?: "");
		return NULL;
	}
	const struct wire_worker *w = exact_worst(run, l, figure);
	bool shared = clock_is_shared(run);
	if (shared)
		cannot_judge(run, l, which, SHARED_CLOCK_WAITS);
	else if (exact_is_throttled(l->g))
		cannot_judge(run, l, which, "its tasks may wait for a quota or a policy, and not for a CPU");
	else if (!w && l->g->workers)
		cannot_judge(run, l, which, "the schedule of its workers was not recorded");
	return shared || exact_is_throttled(l->g) ? NULL : w;
}

/* --- idle CPUs ---------------------------------------------------------------------------------------------------- */

/* 281 ms of 100 were the most that EEVDF needed, for two pairs of tasks that yield to each other all the time. */
#define UNUSED_TIMES 4

/*
 * The default limit gives way to machines with many CPUs: EEVDF balances them at intervals of up to two milliseconds
 * for each CPU.
 */
static double idle_limit(const struct check_run *run, const struct checked_load *l)
{
	const struct limit *limit = &l->t.limit[LIMIT_IDLE_WAIT];
	uint32_t cpus = run->e->cpus ? run->e->cpus : run->e->hello.cpus;
	double ms = limit->origin == FROM_DEFAULT ? fmax(limit->value, 2.0 * cpus) : limit->value;
	return ms * 1e6;
}

static uint64_t idle_wait(const struct exact_worker *x)
{
	return x->idle_wait_ns;
}

static const struct wire_worker *worker_of_tid(const struct evidence *e, int32_t tid)
{
	for (uint32_t i = 0; i < e->worker_count; i++)
		if (e->worker[i].wire.tid == tid)
			return &e->worker[i].wire;
	return NULL;
}

static bool any_throttled(const struct evidence *e)
{
	bool any = false;
	for (uint32_t i = 0; i < e->cgroup_count; i++)
		any |= exact_is_throttled(&e->cgroup[i]);
	return any;
}

/* The CPU that was not used for the longest time, of those that a worker of the load wanted at last; -1: none. */
static int find_unused(const struct check_run *run, const struct checked_load *l)
{
	const struct exact_evidence *x = run->e->exact;
	int worst = -1;
	for (unsigned i = 0; i < x->cpus && !any_throttled(run->e); i++) {
		const struct wire_worker *w = worker_of_tid(run->e, x->unused[i].tid);
		if (w && w->cgroup == l->index && (worst < 0 || x->unused[i].ns > x->unused[worst].ns))
			worst = (int)i;
	}
	return worst;
}

/*
 * Not one task waits for too long, but the CPU is not used all that time. By default it may be idle for longer than a
 * task may wait: EEVDF first leaves tasks where they are that ran half a millisecond ago, as those do that take turns.
 */
static void check_unused_cpus(struct check_run *run, const struct checked_load *l, double task_limit)
{
	int cpu = find_unused(run, l);
	double limit = l->t.limit[LIMIT_IDLE_WAIT].origin == FROM_DEFAULT ? UNUSED_TIMES * task_limit : task_limit;
	char length[TIME_TEXT_MAX], most[TIME_TEXT_MAX], whole[TIME_TEXT_MAX], of[TIME_TEXT_MAX + 8] = "";
	const struct exact_unused *u = cpu < 0 ? NULL : &run->e->exact->unused[cpu];
	if (!u || (double)u->ns <= limit)
		return;
	uint64_t all = u->end_ns - u->first_ns;
	if (all > u->idle_ns + u->idle_ns / 100)
		snprintf(of, sizeof(of), " of %s", nsec_measure((double)all, whole));
	check_fails(
		run, LIMIT_IDLE_WAIT,
		"%s: cpu%d was idle for %s%s, until %.0f ms after the test began, while at every moment some worker "
		"waited that may run there, at last tid %d (limit %s)",
		l->name, cpu, nsec_measure((double)u->idle_ns, length), of, exact_test_ms(run->e, u->end_ns), u->tid,
		nsec_measure(limit, most));
	const struct finding_moment moment = moment_until(u->end_ns, all, u->tid, cpu);
	judgement_moment(run->j, &moment);
}

void check_idle_waits(struct check_run *run, const struct checked_load *l)
{
	double limit = idle_limit(run, l);
	const struct wire_worker *w = begin_check(run, l, LIMIT_IDLE_WAIT, idle_wait);
	char length[TIME_TEXT_MAX], most[TIME_TEXT_MAX], others[64];
	if (!w)
		return;
	const struct exact_worker *x = exact_of(run->e, w);
	note_wait(run, l, LIMIT_IDLE_WAIT, (double)x->idle_wait_ns, limit);
	if ((double)x->idle_wait_ns <= limit) {
		check_unused_cpus(run, l, limit);
		return;
	}
	exact_name_others(run, l, idle_wait, limit, others, sizeof(others));
	check_fails(run, LIMIT_IDLE_WAIT,
		    "%s: tid %d was ready to run for %s while cpu%u, where it may run, was idle, until %.0f ms after "
		    "the test began (limit %s)%s",
		    l->name, w->tid, nsec_measure((double)x->idle_wait_ns, length), x->idle_cpu,
		    exact_test_ms(run->e, x->idle_wait_end_ns), nsec_measure(limit, most), others);
	const struct finding_moment moment =
		moment_until(x->idle_wait_end_ns, x->idle_wait_ns, w->tid, (int)x->idle_cpu);
	judgement_moment(run->j, &moment);
}

static uint64_t idle_wakeup(const struct exact_worker *x)
{
	return x->wakeups < WAKEUPS_MIN ? 0 : x->median_idle_wakeup_ns;
}

void check_idle_wakeups(struct check_run *run, const struct checked_load *l)
{
	double limit = l->t.limit[LIMIT_IDLE_WAKEUP].value * 1e6;
	const struct wire_worker *w = begin_check(run, l, LIMIT_IDLE_WAKEUP, idle_wakeup);
	char length[TIME_TEXT_MAX], most[TIME_TEXT_MAX], longest[TIME_TEXT_MAX], others[64];
	const struct exact_worker *x = w ? exact_of(run->e, w) : NULL;
	if (!x || x->wakeups < WAKEUPS_MIN)
		return;
	note_wait(run, l, LIMIT_IDLE_WAKEUP, (double)x->median_idle_wakeup_ns, limit);
	if ((double)x->median_idle_wakeup_ns <= limit)
		return;
	exact_name_others(run, l, idle_wakeup, limit, others, sizeof(others));
	check_fails(run, LIMIT_IDLE_WAKEUP,
		    "%s: tid %d waited after half of its %lu wake-ups for %s or longer, at most %s, while a CPU where "
		    "it may run was idle (limit %s)%s",
		    l->name, w->tid, x->wakeups, nsec_measure((double)x->median_idle_wakeup_ns, length),
		    nsec_measure((double)x->longest_idle_wakeup_ns, longest), nsec_measure(limit, most), others);
	const struct finding_moment moment = moment_until(x->idle_wakeup_end_ns, x->longest_idle_wakeup_ns, w->tid, -1);
	judgement_moment(run->j, &moment);
}

/* --- tasks that are not workers ----------------------------------------------------------------------------------- */

static const struct exact_other *find_other(const struct exact_evidence *x, uint32_t load)
{
	for (unsigned i = 0; i < x->cgroups; i++)
		if (x->cgroup[i].first == load)
			return &x->cgroup[i].other;
	return NULL;
}

void check_other_waits(struct check_run *run, const struct checked_load *l, double limit_ns)
{
	const struct exact_other *o = find_other(run->e->exact, l->index);
	char length[TIME_TEXT_MAX], most[TIME_TEXT_MAX], end[48];
	if (!o || (double)o->ns <= limit_ns)
		return;
	snprintf(end, sizeof(end), "until %.0f ms after the test began", exact_test_ms(run->e, o->end_ns));
	check_fails(run, LIMIT_RUN_DELAY,
		    "%s: tid %d, which is not a worker, was ready to run, but did not run, for %s, %s (limit %s)",
		    l->name, o->tid, nsec_measure((double)o->ns, length), o->lasts ? "to the end of the test" : end,
		    nsec_measure(limit_ns, most));
	const struct finding_moment moment = moment_until(o->lasts ? run->e->last_ns : o->end_ns, o->ns, o->tid, -1);
	judgement_moment(run->j, &moment);
}

/* --- isolation ---------------------------------------------------------------------------------------------------- */

static uint64_t outside(const struct exact_worker *x)
{
	return x->outside;
}

void check_exact_isolation(struct check_run *run, const struct checked_load *l)
{
	const struct wire_worker *w = run->e->exact ? exact_worst(run, l, outside) : NULL;
	const struct exact_worker *x = w ? exact_of(run->e, w) : NULL;
	if (!x || !x->outside)
		return;
	check_fails(run, LIMIT_ISOLATION,
		    "%s: tid %d began to run %lu times on a CPU where it may not run, first on cpu%u %.0f ms after the "
		    "test began",
		    l->name, w->tid, x->outside, x->outside_cpu, exact_test_ms(run->e, x->outside_ns));
	const struct finding_moment moment = moment_until(x->outside_ns, 0, w->tid, (int)x->outside_cpu);
	judgement_moment(run->j, &moment);
}

/* --- without a recorded schedule ---------------------------------------------------------------------------------- */

static bool needs_record(enum threshold which)
{
	return which == LIMIT_WEIGHTS || which == LIMIT_QUOTA ||
	       (which >= LIMIT_IDLE_WAIT && which <= LIMIT_LLC_STABILITY);
}

void note_unrecorded(struct check_run *run)
{
	bool lacks = !run->e->exact && run->e->no_exact && run->e->cgroup_count;
	for (unsigned i = 0; i < LIMIT_MAX && lacks; i++) {
		const struct limit *limit = &run->facts->limits->limit[i];
		const struct threshold_row *row = &threshold_rows[i];
		if (!needs_record(i))
			continue;
		if (limit->on && limit->origin != FROM_DEFAULT)
			judgement_add(run->j, row->finding, KTSTR_INCONCLUSIVE,
				      "%s cannot be judged: the schedule was not recorded: %s", row->name,
				      run->e->no_exact);
		else if (limit->on)
			judgement_unjudged(run->j, row->name, "the schedule was not recorded: %s", run->e->no_exact);
	}
}
