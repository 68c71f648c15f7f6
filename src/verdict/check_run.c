/* SPDX-License-Identifier: GPL-2.0-only */
/* check_run.c -- see check_run.h. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "monitor/series.h"
#include "verdict/check_run.h"

void cannot_judge(struct check_run *run, const struct checked_load *l, enum threshold which, const char *fmt, ...)
{
	const struct threshold_row *row = &threshold_rows[which];
	char why[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (l->t.limit[which].origin == FROM_DEFAULT)
		judgement_unjudged(run->j, row->name, "%s: %s", l->name, why);
	else
		judgement_add(run->j, row->finding, KTSTR_INCONCLUSIVE, "%s: %s cannot be judged: %s", l->name,
			      row->name, why);
}

void note_value(struct check_run *run, const struct checked_load *l, enum threshold which, double value, double limit)
{
	judgement_value(run->j, "%s: %s %.4g (limit %.4g)", l->name, threshold_rows[which].name, value, limit);
}

void note_wait(struct check_run *run, const struct checked_load *l, enum threshold which, double ns, double limit_ns)
{
	note_wait_between(run, l, which, ns, ns, limit_ns);
}

void note_wait_between(struct check_run *run, const struct checked_load *l, enum threshold which, double least_ns,
		       double most_ns, double limit_ns)
{
	char least[TIME_TEXT_MAX], most[TIME_TEXT_MAX], limit[TIME_TEXT_MAX];
	nsec_measure(least_ns, least);
	nsec_measure(most_ns, most);
	nsec_measure(limit_ns, limit);
	if (!strcmp(least, most))
		judgement_value(run->j, "%s: %s %s (limit %s)", l->name, threshold_rows[which].name, most, limit);
	else
		judgement_value(run->j, "%s: %s between %s and %s (limit %s)", l->name, threshold_rows[which].name,
				least, most, limit);
}

const struct wire_worker *find_largest(const struct check_run *run, const struct checked_load *l,
				       uint64_t (*value)(const struct wire_worker *w))
{
	const struct wire_worker *largest = NULL;
	for (uint32_t i = 0; i < run->e->worker_count; i++) {
		const struct wire_worker *w = &run->e->worker[i].wire;
		if (w->cgroup == l->index && (!largest || value(w) > value(largest)))
			largest = w;
	}
	return largest;
}

static const struct contention *host_of(const struct check_run *run)
{
	return run->e->series ? &run->e->series->host : NULL;
}

static uint64_t host_wait(const struct check_run *run, double ns)
{
	return host_of(run) ? contention_wait(host_of(run), (uint64_t)ns) : 0;
}

bool is_over_for_sure(const struct check_run *run, double ns, double limit_ns)
{
	/* Whole nanoseconds, which must not make equal what is not. */
	return summary_judge_latency((uint64_t)ceil(ns), (uint64_t)limit_ns, host_wait(run, ns)) == LATENCY_OVER;
}

void cannot_judge_contended(struct check_run *run, const struct checked_load *l, enum threshold which, double ns,
			    double limit_ns)
{
	char length[TIME_TEXT_MAX], limit[TIME_TEXT_MAX], wait[TIME_TEXT_MAX];
	double dilation = 1;
	if (host_of(run))
		contention_dilation(host_of(run), &dilation);
	cannot_judge(run, l, which,
		     "%s is over the limit (%s), but the vCPUs waited for CPUs of the host for up to %s in as long a "
		     "time (host dilation %.2f)",
		     nsec_measure(ns, length), nsec_measure(limit_ns, limit),
		     nsec_measure((double)host_wait(run, ns), wait), dilation);
}

const struct wire_worker *find_over(struct check_run *run, const struct checked_load *l, enum threshold which,
				    uint64_t (*value)(const struct wire_worker *w), double limit_ns)
{
	const struct wire_worker *over = NULL, *largest = find_largest(run, l, value);
	for (uint32_t i = 0; i < run->e->worker_count; i++) {
		const struct wire_worker *w = &run->e->worker[i].wire;
		if (w->cgroup == l->index && (!over || value(w) > value(over)) &&
		    is_over_for_sure(run, (double)value(w), limit_ns))
			over = w;
	}
	if (!over && largest)
		cannot_judge_contended(run, l, which, (double)value(largest), limit_ns);
	return over;
}

bool clock_is_shared(const struct check_run *run)
{
	uint32_t cpus = run->e->cpus ? run->e->cpus : run->e->hello.cpus;
	return run->facts->emulated && !run->facts->parallel_time && cpus != 1;
}
