/* SPDX-License-Identifier: GPL-2.0-only */
/* monitor_checks.c -- see monitor_checks.h. */
#include <math.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "verdict/monitor_checks.h"

struct monitor_window monitor_window(const struct evidence *e)
{
	struct monitor_window w = { 0 };
	unsigned first;
	if (!e->series || !e->phase_count)
		return w;
	unsigned all = series_window(e->series, e->phase[0].time_ns, evidence_end_ns(e), &first);
	w.warm_up = summary_warm_up(all);
	w.count = all - w.warm_up;
	w.reading = e->series->reading + first + w.warm_up;
	return w;
}

/* --- runs of samples ---------------------------------------------------------------------------------------------- */

/* What one sample says to a check. */
struct measured {
	bool known; /* false: it ends a run, as a sample within the limit does */
	bool over;
	double value;
	unsigned cpu;
};

struct run {
	unsigned length, last; /* `last`: index of the last sample */
	double worst;
	unsigned cpu; /* of the worst value */
};

/* The longest run of samples over the limit, and the highest value of all samples. */
struct tracker {
	struct run now, longest;
	double highest;
	unsigned measured;
};

static void track(struct tracker *t, const struct measured *m, unsigned at)
{
	if (m->known) {
		t->highest = MAX_OF(t->highest, m->value);
		t->measured++;
	}
	if (!m->known || !m->over) {
		t->now = (struct run){ 0 };
		return;
	}
	if (!t->now.length || m->value > t->now.worst) {
		t->now.worst = m->value;
		t->now.cpu = m->cpu;
	}
	t->now.length++;
	t->now.last = at;
	if (t->now.length > t->longest.length)
		t->longest = t->now;
}

/* --- what the checks measure -------------------------------------------------------------------------------------- */

struct monitor_run {
	const struct evidence *e;
	struct monitor_window w;
	const struct thresholds *limits;
	struct judgement *j;
	unsigned sustained; /* samples in a row that break a limit */
};

static struct measured imbalance_at(const struct monitor_run *run, unsigned i, unsigned cpu)
{
	(void)cpu;
	return (struct measured){ .known = true, .value = summary_imbalance(&run->w.reading[i]) };
}

static struct measured depth_at(const struct monitor_run *run, unsigned i, unsigned cpu)
{
	const struct reading *r = &run->w.reading[i];
	struct measured m = { .known = true };
	for (cpu = 0; cpu < r->cpus; cpu++) {
		double depth = (double)r->cpu[cpu].local_dsq_nr;
		if (depth > m.value)
			m = (struct measured){ .known = true, .value = depth, .cpu = cpu };
	}
	return m;
}

/* The clock is the value, so that the message can name it. */
static struct measured stall_at(const struct monitor_run *run, unsigned i, unsigned cpu)
{
	const struct reading *r = &run->w.reading[i];
	if (!i || cpu >= r->cpus || cpu >= r[-1].cpus)
		return (struct measured){ 0 };
	return (struct measured){ .known = true,
				  .over = summary_is_stalled(&r[-1].cpu[cpu], &r->cpu[cpu], MONITOR_HZ_UNKNOWN),
				  .value = (double)r->cpu[cpu].clock,
				  .cpu = cpu };
}

static struct measured rate_at(const struct monitor_run *run, unsigned i, const char *event)
{
	const struct reading *r = &run->w.reading[i];
	struct measured m = { 0 };
	m.known = i && r[-1].scx && summary_rate(&r[-1], r, series_event(run->e->series, event), &m.value);
	return m;
}

static struct measured fallback_at(const struct monitor_run *run, unsigned i, unsigned cpu)
{
	(void)cpu;
	return rate_at(run, i, "select_cpu_fallback");
}

static struct measured keep_last_at(const struct monitor_run *run, unsigned i, unsigned cpu)
{
	(void)cpu;
	return rate_at(run, i, "dispatch_keep_last");
}

/* One row a check. @what: how messages call the value; each CPU by itself, or all CPUs at once. */
static const struct monitor_check {
	enum threshold which;
	const char *what, *unit, *samples;
	struct measured (*at)(const struct monitor_run *run, unsigned i, unsigned cpu);
	bool each_cpu;
} monitor_checks[] = {
	{ LIMIT_IMBALANCE, "imbalance ratio", "", "samples", imbalance_at, false },
	{ LIMIT_DSQ_DEPTH, "local DSQ depth", "", "samples", depth_at, false },
	{ LIMIT_STALL, "rq_clock stall", "", "samples", stall_at, true },
	{ LIMIT_FALLBACK_RATE, "fallback rate", "/s", "intervals", fallback_at, false },
	{ LIMIT_KEEP_LAST_RATE, "keep_last rate", "/s", "intervals", keep_last_at, false },
};

static void track_cpu(const struct monitor_run *run, const struct monitor_check *c, unsigned cpu, struct tracker *ret)
{
	const struct limit *limit = &run->limits->limit[c->which];
	for (unsigned i = 0; i < run->w.count; i++) {
		struct measured m = run->w.reading[i].scx ? c->at(run, i, cpu) : (struct measured){ 0 };
		if (!c->each_cpu)
			m.over = m.value > limit->value;
		track(ret, &m, i);
	}
}

/* Of a check of each CPU: the CPU with the longest run. */
static struct tracker track_all(const struct monitor_run *run, const struct monitor_check *c)
{
	struct tracker worst = { 0 };
	unsigned cpus = c->each_cpu ? run->w.reading[0].cpus : 1;
	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		struct tracker t = { 0 };
		track_cpu(run, c, cpu, &t);
		if (!cpu || t.longest.length > worst.longest.length)
			worst = t;
	}
	return worst;
}

/* --- what is said ------------------------------------------------------------------------------------------------- */

/* "4.0", "1.25" */
static const char *number(double value, char *out, size_t size)
{
	snprintf(out, size, fabs(value * 10 - round(value * 10)) < 1e-6 ? "%.1f" : "%.4g", value);
	return out;
}

static void describe_violation(const struct monitor_run *run, const struct monitor_check *c, const struct run *longest,
			       char *out, size_t size)
{
	char value[32], limit[32], end[80];
	double threshold = run->limits->limit[c->which].value;
	unsigned at = run->w.warm_up + longest->last;
	snprintf(end, sizeof(end), "for %u consecutive %s (ending at sample %u", longest->length, c->samples, at);
	if (c->which == LIMIT_STALL)
		snprintf(out, size, "%s on cpu%u %s, clock=%.0f)", c->what, longest->cpu, end, longest->worst);
	else if (c->which == LIMIT_DSQ_DEPTH)
		snprintf(out, size, "%s %.0f on cpu%u exceeded threshold %.10g %s)", c->what, longest->worst,
			 longest->cpu, threshold, end);
	else
		snprintf(out, size, "%s %s%s exceeded threshold %s%s %s)", c->what,
			 number(longest->worst, value, sizeof(value)), c->unit, number(threshold, limit, sizeof(limit)),
			 c->unit, end);
}

static void note_highest(const struct monitor_run *run, const struct monitor_check *c, const struct tracker *t)
{
	const char *name = threshold_rows[c->which].name;
	double limit = run->limits->limit[c->which].value;
	if (c->each_cpu)
		judgement_value(run->j, "monitor: %s: %u samples in a row (%u break it)", name, t->longest.length,
				run->sustained);
	else
		judgement_value(run->j, "monitor: %s up to %.4g%s (limit %.4g; %u %s in a row were above, %u break it)",
				name, t->highest, c->unit, limit, t->longest.length, c->samples, run->sustained);
}

/* Set by the scheduler or the test, or enforced by them. */
static bool is_asked(const struct thresholds *limits, enum threshold which)
{
	return limits->limit[which].origin != FROM_DEFAULT || limits->limit[LIMIT_ENFORCE].on;
}

static void cannot_judge_monitor(const struct monitor_run *run, enum threshold which, const char *why)
{
	const struct threshold_row *row = &threshold_rows[which];
	if (is_asked(run->limits, which))
		judgement_add(run->j, row->finding, KTSTR_INCONCLUSIVE, "%s cannot be judged: %s", row->name, why);
	else
		judgement_unjudged(run->j, row->name, "%s", why);
}

static void check_one(const struct monitor_run *run, const struct monitor_check *c)
{
	char text[300];
	struct tracker t = track_all(run, c);
	if (!t.measured) {
		bool counter = c->which == LIMIT_FALLBACK_RATE || c->which == LIMIT_KEEP_LAST_RATE;
		cannot_judge_monitor(run, c->which,
				     counter && !run->e->series->events
					     ? "this kernel has no counters of sched_ext events"
					     : "two samples are needed, one after the other");
		return;
	}
	run->j->monitor_judged = true;
	note_highest(run, c, &t);
	if (t.longest.length < run->sustained)
		return;
	describe_violation(run, c, &t.longest, text, sizeof(text));
	judgement_violation(run->j, "%s", text);
	if (run->limits->limit[LIMIT_ENFORCE].on)
		judgement_add(run->j, threshold_rows[c->which].finding, KTSTR_FAIL,
			      "passed scenario but monitor failed: %s", text);
}

/* --- all checks --------------------------------------------------------------------------------------------------- */

/* Why no check can be evaluated; NULL: some can. */
static const char *unusable(const struct monitor_run *run, bool has_scheduler, char *out, size_t size)
{
	bool attached = false;
	if (!has_scheduler)
		return "the test has no sched_ext scheduler";
	if (!run->w.count) {
		snprintf(out, size, "no monitor samples%s%s", run->e->no_series ? ": " : "", run->e->no_series ?: "");
		return out;
	}
	for (unsigned i = 0; i < run->w.count; i++)
		attached |= run->w.reading[i].scx;
	return attached ? summary_unusable(run->w.reading, run->w.count) : "no sample saw a scheduler attached";
}

static unsigned samples_in_a_row(const struct limit *sustained)
{
	return sustained->on && sustained->value > 1 ? (unsigned)MIN_OF(sustained->value, 1e9) : 1;
}

void check_monitor(const struct evidence *e, const struct thresholds *limits, bool has_scheduler, struct judgement *j)
{
	char text[300];
	struct monitor_run run = { .e = e,
				   .w = monitor_window(e),
				   .limits = limits,
				   .j = j,
				   .sustained = samples_in_a_row(&limits->limit[LIMIT_SUSTAINED]) };
	const char *why = unusable(&run, has_scheduler, text, sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(monitor_checks); i++) {
		const struct monitor_check *c = &monitor_checks[i];
		if (!limits->limit[c->which].on)
			continue;
		if (!why)
			check_one(&run, c);
		else if (has_scheduler || is_asked(limits, c->which))
			cannot_judge_monitor(&run, c->which, why);
	}
}
