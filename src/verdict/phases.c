/* SPDX-License-Identifier: GPL-2.0-only */
/* phases.c -- see phases.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "verdict/monitor_checks.h"
#include "verdict/phases.h"

static const struct {
	const char *name, *word;
	double least;
	bool more_is_better;
} metrics[] = {
#define X(name, word, least, more) { #name, word, least, more },
	PHASE_METRICS(X)
#undef X
};

const char *phase_metric_name(enum phase_metric m)
{
	return metrics[m].name;
}

const char *phase_metric_word(enum phase_metric m)
{
	return metrics[m].word;
}

/* --- from when to when -------------------------------------------------------------------------------------------- */

static struct phase *add_phase(struct phases *p, uint64_t from_ns, uint64_t to_ns)
{
	if (p->count == PHASES_MAX) {
		p->lost++;
		return NULL;
	}
	struct phase *fresh = &p->phase[p->count++];
	*fresh = (struct phase){ .from_ns = from_ns, .to_ns = MAX_OF(from_ns, to_ns), .name = "" };
	return fresh;
}

/* From the scheduler's attachment, or the first step's start, to the first hold. */
static void add_baseline(const struct evidence *e, struct phases *p)
{
	const struct evidence_sched *enabled = evidence_sched(e, WIRE_SCHED_ENABLED);
	uint64_t from = e->phase_count ? e->phase[0].time_ns : 0, to = from;
	for (uint32_t i = 0; i < e->phase_count; i++) {
		if (e->phase[i].wire.kind != WIRE_PHASE_HOLD)
			continue;
		to = e->phase[i].time_ns;
		break;
	}
	struct phase *baseline = add_phase(p, enabled && enabled->time_ns < from ? enabled->time_ns : from, to);
	baseline->baseline = true;
}

/* A hold ends where its step ends, or the next one begins, or the guest ends. */
static uint64_t end_of_hold(const struct evidence *e, uint32_t hold)
{
	return hold + 1 < e->phase_count ? e->phase[hold + 1].time_ns : evidence_end_ns(e);
}

/* The stimulus of the step whose hold begins at @hold comes just before it. */
static const struct wire_stimulus *stimulus_of(const struct evidence *e, uint32_t hold)
{
	uint64_t after = hold ? e->phase[hold - 1].time_ns : 0;
	for (uint32_t i = 0; i < e->stimulus_count; i++) {
		const struct evidence_stimulus *s = &e->stimulus[i];
		if (s->wire.step_index == e->phase[hold].wire.index && s->time_ns >= after &&
		    s->time_ns <= e->phase[hold].time_ns)
			return &s->wire;
	}
	return NULL;
}

static void add_holds(const struct evidence *e, struct phases *p)
{
	for (uint32_t i = 0; i < e->phase_count; i++) {
		const struct evidence_phase *from = &e->phase[i];
		struct phase *hold =
			from->wire.kind == WIRE_PHASE_HOLD ? add_phase(p, from->time_ns, end_of_hold(e, i)) : NULL;
		if (!hold)
			continue;
		const struct wire_stimulus *s = stimulus_of(e, i);
		hold->name = from->wire.name;
		hold->step = from->wire.index;
		hold->has_stimulus = s;
		if (s)
			hold->stimulus = *s;
	}
}

/* --- what was seen ------------------------------------------------------------------------------------------------ */

static void set_value(struct phase *p, enum phase_metric m, double value)
{
	p->value[m] = value;
	p->has |= 1u << m;
}

static unsigned count_stalls(const struct reading *r, unsigned count)
{
	unsigned stalls = 0;
	for (unsigned i = 1; i < count; i++)
		for (unsigned cpu = 0; cpu < MIN_OF(r[i].cpus, r[i - 1].cpus); cpu++)
			stalls += summary_is_stalled(&r[i - 1].cpu[cpu], &r[i].cpu[cpu], MONITOR_HZ_UNKNOWN);
	return stalls;
}

static void set_rate(const struct series *series, const struct summary *s, const char *event, enum phase_metric m,
		     struct phase *ret)
{
	int at = series_event(series, event);
	if (at >= 0 && s->has_events && (unsigned)at < s->events)
		set_value(ret, m, s->event_rate[at]);
}

/* Readings are copied without what they point to, to leave out those that cannot be true. */
static int summarise(const struct series *series, struct phase *ret)
{
	struct summary s;
	unsigned first, count = series_window(series, ret->from_ns, ret->to_ns, &first);
	_cleanup_free_ struct reading *r = calloc(count + 1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++)
		if (summary_is_plausible(&series->reading[first + i]))
			r[ret->samples++] = series->reading[first + i];
	if (!ret->samples)
		return 0;
	summary_of(r, ret->samples, MONITOR_HZ_UNKNOWN, &s);
	ret->max_imbalance = s.max_imbalance;
	ret->max_dsq_depth = s.max_dsq_depth;
	ret->avg_nr_running = s.avg_nr_running;
	ret->stalls = count_stalls(r, ret->samples);
	set_value(ret, PHASE_imbalance, s.avg_imbalance);
	set_value(ret, PHASE_dsq_depth, s.avg_dsq_depth);
	set_rate(series, &s, "select_cpu_fallback", PHASE_fallback_rate, ret);
	set_rate(series, &s, "dispatch_keep_last", PHASE_keep_last_rate, ret);
	return 0;
}

/* --- throughput --------------------------------------------------------------------------------------------------- */

static bool step_repeats(const struct phases *p, unsigned step)
{
	unsigned times = 0;
	for (unsigned i = 0; i < p->count; i++)
		times += !p->phase[i].baseline && p->phase[i].step == step;
	return times > 1;
}

/* The iterations of the workers that belong to the step. False: it has no workers of its own. */
static bool step_iterations(const struct evidence *e, unsigned step, double *ret)
{
	bool any = false;
	*ret = 0;
	for (uint32_t i = 0; i < e->worker_count; i++) {
		const struct wire_worker *w = &e->worker[i].wire;
		if (w->cgroup >= e->cgroup_count || e->cgroup[w->cgroup].step != step)
			continue;
		*ret += (double)w->iterations;
		any = true;
	}
	return any;
}

/* Iterations that all workers had made at the begin of the next phase, less those at the begin of this one. */
static bool iterations_between(const struct phase *now, const struct phase *next, double *ret)
{
	if (!next || !now->has_stimulus || !next->has_stimulus ||
	    next->stimulus.total_iterations <= now->stimulus.total_iterations)
		return false;
	*ret = (double)(next->stimulus.total_iterations - now->stimulus.total_iterations);
	return true;
}

static void find_throughput(const struct evidence *e, const struct phases *p, unsigned at)
{
	struct phase *now = &p->phase[at];
	const struct phase *next = at + 1 < p->count ? now + 1 : NULL;
	double iterations, seconds = (double)(now->to_ns - now->from_ns) / 1e9;
	if (now->baseline || seconds <= 0)
		return;
	if ((!step_repeats(p, now->step) && step_iterations(e, now->step, &iterations)) ||
	    iterations_between(now, next, &iterations))
		set_value(now, PHASE_iteration_rate, iterations / seconds);
}

/* --- changes ------------------------------------------------------------------------------------------------------ */

static void find_changes(const struct phase *before, struct phase *now)
{
	for (unsigned m = 0; m < PHASE_METRIC_COUNT; m++) {
		double delta = now->value[m] - before->value[m];
		if (!phase_has(before, m) || !phase_has(now, m))
			continue;
		if (m == PHASE_iteration_rate)
			delta = before->value[m] > 0 ? delta / before->value[m] : 0;
		if (fabs(delta) <= metrics[m].least)
			continue;
		now->change[now->changes++] = (struct phase_change){
			.metric = m, .delta = delta, .better = (delta > 0) == metrics[m].more_is_better
		};
	}
}

int phases_of(const struct evidence *e, struct phases *ret)
{
	int r = 0;
	*ret = (struct phases){ .phase = calloc(PHASES_MAX, sizeof(*ret->phase)) };
	if (!ret->phase)
		return -ENOMEM;
	if (!e->phase_count)
		return 0;
	add_baseline(e, ret);
	add_holds(e, ret);
	for (unsigned i = 0; r == 0 && i < ret->count; i++) {
		if (e->series)
			r = summarise(e->series, &ret->phase[i]);
		find_throughput(e, ret, i);
	}
	for (unsigned i = 1; i < ret->count; i++)
		find_changes(&ret->phase[i - 1], &ret->phase[i]);
	if (r < 0)
		phases_done(ret);
	return r;
}

void phases_done(struct phases *p)
{
	free(p->phase);
	*p = (struct phases){ 0 };
}
