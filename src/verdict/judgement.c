/* SPDX-License-Identifier: GPL-2.0-only */
/* judgement.c -- see judgement.h. */
#include <stdarg.h>
#include <stdio.h>

#include "verdict/judgement.h"

const char *verdict_name(enum ktstr_verdict v)
{
	static const char *const names[] = { "pass", "fail", "inconclusive", "skip" };
	return names[v];
}

const char *detail_kind_name(enum detail_kind kind)
{
	static const char *const names[DETAIL_KIND_MAX] = {
		"Starved", "Stuck", "Unfair", "Isolation", "SchedulerDied", "Crash", "Expectation", "Harness", "Skip",
		"Benchmark", "Migration", "PageLocality", "CrossNodeMigration", "SlowTier",
	};
	return names[kind];
}

void judgement_add(struct judgement *j, enum detail_kind kind, enum ktstr_verdict verdict, const char *fmt, ...)
{
	if (j->details == DETAILS_MAX) {
		j->details_lost++;
		return;
	}
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text)
		j->detail[j->details++] = (struct detail){ kind, verdict, text };
}

void judgement_done(struct judgement *j)
{
	for (uint32_t i = 0; i < j->details; i++)
		free(j->detail[i].text);
	stats_done(&j->stats);
	*j = (struct judgement){ 0 };
}

const struct detail *judgement_cause(const struct judgement *j)
{
	for (uint32_t i = 0; i < j->details; i++)
		if (j->detail[i].verdict == j->verdict)
			return &j->detail[i];
	return NULL;
}
