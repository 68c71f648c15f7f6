/* SPDX-License-Identifier: GPL-2.0-only */
/* judgement.c -- see judgement.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
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
		[DETAIL_IDLE] = "IdleCpu",
		[DETAIL_MONITOR] = "Monitor",
		[DETAIL_SCHEDULER] = "SchedulerDied",
		[DETAIL_KERNEL_CRASH] = "KernelCrash",
		[DETAIL_CRASH] = "Crash",
		[DETAIL_EXPECTATION] = "Expectation",
		[DETAIL_ENGINE] = "Engine",
		[DETAIL_FLAKE] = "Flake",
		[DETAIL_HARNESS] = "Harness",
		[DETAIL_SKIP] = "Skip",
	};
	return names[kind];
}

int verdict_rank(enum ktstr_verdict v)
{
	static const int ranks[] = { [KTSTR_SKIP] = 0, [KTSTR_PASS] = 1, [KTSTR_INCONCLUSIVE] = 2, [KTSTR_FAIL] = 3 };
	return ranks[v];
}

/*
 * Formats a finding's text, clean and of limited length, because it may quote names and output of the guest. NULL: out
 * of memory.
 */
static char *finding_text(const char *fmt, va_list ap)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	char *raw = NULL;
	if (vasprintf(&raw, fmt, ap) < 0)
		return NULL;
	text_append_line(&text, raw, strlen(raw));
	free(raw);
	if (text.len >= DETAIL_BYTES_MAX) {
		text.len = text_cut(text.data, DETAIL_BYTES_MAX - 4);
		buf_puts(&text, "...");
	}
	return buf_steal(&text);
}

/*
 * Makes room for one more finding: if the array is full, removes the last finding of lower rank than @verdict. Returns
 * false if there is none.
 */
static bool make_room(struct judgement *j, enum ktstr_verdict verdict)
{
	if (j->details < DETAILS_MAX)
		return true;
	j->details_lost++;
	for (uint32_t i = DETAILS_MAX; i-- > 0;) {
		if (verdict_rank(j->detail[i].verdict) >= verdict_rank(verdict))
			continue;
		free(j->detail[i].text);
		memmove(j->detail + i, j->detail + i + 1, (DETAILS_MAX - i - 1) * sizeof(*j->detail));
		j->details--;
		return true;
	}
	return false;
}

void judgement_add(struct judgement *j, enum detail_kind kind, enum ktstr_verdict verdict, const char *fmt, ...)
{
	va_list ap;
	j->added = false;
	if (!make_room(j, verdict))
		return;
	va_start(ap, fmt);
	char *text = finding_text(fmt, ap);
	va_end(ap);
	j->failed |= !text;
	j->added = text;
	if (text)
		j->detail[j->details++] = (struct detail){ .kind = kind, .verdict = verdict, .text = text };
}

void judgement_moment(struct judgement *j, const struct finding_moment *moment)
{
	if (j->added && j->details)
		j->detail[j->details - 1].moment = *moment;
}

void judgement_lead(struct judgement *j, enum detail_kind kind, enum ktstr_verdict verdict, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = finding_text(fmt, ap);
	va_end(ap);
	j->failed |= !text;
	if (!text)
		return;
	if (j->details == DETAILS_MAX) {
		free(j->detail[--j->details].text);
		j->details_lost++;
	}
	memmove(j->detail + 1, j->detail, j->details++ * sizeof(*j->detail));
	j->detail[0] = (struct detail){ .kind = kind, .verdict = verdict, .text = text };
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

void judgement_unjudged(struct judgement *j, const char *check, const char *fmt, ...)
{
	va_list ap;
	if (j->unjudged_count == UNJUDGED_MAX) {
		j->unjudged_lost++;
		return;
	}
	va_start(ap, fmt);
	char *why = finding_text(fmt, ap);
	va_end(ap);
	j->failed |= !why;
	if (why)
		j->unjudged[j->unjudged_count++] = (struct unjudged){ check, why };
}

void judgement_value(struct judgement *j, const char *fmt, ...)
{
	va_list ap;
	if (j->values == VALUES_MAX) {
		j->values_lost++;
		return;
	}
	va_start(ap, fmt);
	char *text = finding_text(fmt, ap);
	va_end(ap);
	j->failed |= !text;
	if (text)
		j->value[j->values++] = text;
}

void judgement_violation(struct judgement *j, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *text = j->violations < VIOLATIONS_MAX ? finding_text(fmt, ap) : NULL;
	va_end(ap);
	j->failed |= !text;
	if (text)
		j->violation[j->violations++] = text;
}

void judgement_done(struct judgement *j)
{
	for (uint32_t i = 0; i < j->violations; i++)
		free(j->violation[i]);
	for (uint32_t i = 0; i < j->values; i++)
		free(j->value[i]);
	for (uint32_t i = 0; i < j->details; i++)
		free(j->detail[i].text);
	for (uint32_t i = 0; i < j->unjudged_count; i++)
		free(j->unjudged[i].why);
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
