/* SPDX-License-Identifier: GPL-2.0-only */
/* check_run.c -- see check_run.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

bool clock_is_shared(const struct check_run *run)
{
	uint32_t cpus = run->e->cpus ? run->e->cpus : run->e->hello.cpus;
	return run->facts->emulated && !run->facts->parallel_time && cpus != 1;
}
