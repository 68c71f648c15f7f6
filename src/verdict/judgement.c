/* SPDX-License-Identifier: GPL-2.0-only */
/* judgement.c -- see judgement.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "verdict/judgement.h"

const char *verdict_name(enum ktstr_verdict v)
{
	static const char *const names[] = { "pass", "fail", "inconclusive", "skip" };
	return names[v];
}

const char *detail_kind_name(enum detail_kind kind)
{
	static const char *const names[DETAIL_KIND_MAX] = {
		[DETAIL_STARVED] = "Starved",
		[DETAIL_STUCK] = "Stuck",
		[DETAIL_UNFAIR] = "Unfair",
		[DETAIL_ISOLATION] = "Isolation",
		[DETAIL_BENCHMARK] = "Benchmark",
		[DETAIL_MIGRATION] = "Migration",
		[DETAIL_PAGE_LOCALITY] = "PageLocality",
		[DETAIL_CROSS_NODE_MIGRATION] = "CrossNodeMigration",
		[DETAIL_SLOW_TIER] = "SlowTier",
		[DETAIL_SCHEDULER] = "SchedulerDied",
		[DETAIL_CRASH] = "Crash",
		[DETAIL_EXPECTATION] = "Expectation",
		[DETAIL_FLAKE] = "Flake",
		[DETAIL_HARNESS] = "Harness",
		[DETAIL_SKIP] = "Skip",
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

void judgement_lead(struct judgement *j, enum detail_kind kind, enum ktstr_verdict verdict, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		return;
	if (j->details == DETAILS_MAX) {
		free(j->detail[--j->details].text);
		j->details_lost++;
	}
	memmove(j->detail + 1, j->detail, j->details++ * sizeof(*j->detail));
	j->detail[0] = (struct detail){ kind, verdict, text };
}

void judgement_refuse_skip(struct judgement *j)
{
	const struct detail *why = judgement_cause(j);
	if (j->verdict != KTSTR_SKIP)
		return;
	judgement_lead(j, DETAIL_SKIP, KTSTR_FAIL, "skipped, which KTSTR_NO_SKIP_MODE does not allow: %s",
		       why ? why->text : "the test said so without a reason");
	j->verdict = KTSTR_FAIL;
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
