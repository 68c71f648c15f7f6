/* SPDX-License-Identifier: GPL-2.0-only */
/* expect.c -- see expect.h. */
#include <regex.h>
#include <string.h>

#include <ktstr/scheduler.h>

#include "verdict/exact.h"
#include "verdict/expect.h"

static const enum detail_kind kind_of_finding[KTSTR_FINDING_MAX] = {
	[KTSTR_FINDING_STARVED] = DETAIL_STARVED,
	[KTSTR_FINDING_STUCK] = DETAIL_STUCK,
	[KTSTR_FINDING_UNFAIR] = DETAIL_UNFAIR,
	[KTSTR_FINDING_ISOLATION] = DETAIL_ISOLATION,
	[KTSTR_FINDING_BENCHMARK] = DETAIL_BENCHMARK,
	[KTSTR_FINDING_MIGRATION] = DETAIL_MIGRATION,
	[KTSTR_FINDING_PAGE_LOCALITY] = DETAIL_PAGE_LOCALITY,
	[KTSTR_FINDING_CROSS_NODE_MIGRATION] = DETAIL_CROSS_NODE_MIGRATION,
	[KTSTR_FINDING_SLOW_TIER] = DETAIL_SLOW_TIER,
	[KTSTR_FINDING_IDLE] = DETAIL_IDLE,
	[KTSTR_FINDING_MONITOR] = DETAIL_MONITOR,
};

const char *finding_name(enum ktstr_finding f)
{
	return f == KTSTR_FINDING_NONE ? NULL : detail_kind_name(kind_of_finding[f]);
}

static bool found_by_a_check(const struct detail *d)
{
	for (unsigned i = KTSTR_FINDING_NONE + 1; i < KTSTR_FINDING_MAX; i++)
		if (d->kind == kind_of_finding[i])
			return true;
	return false;
}

/* A kernel crash also counts as the scheduler's end, if the scheduler was attached before. */
static bool ends_scheduler(const struct evidence *e, const struct judge_facts *f, const struct detail *d)
{
	return d->kind == DETAIL_SCHEDULER ||
	       (d->kind == DETAIL_KERNEL_CRASH && f->has_scheduler && evidence_sched(e, WIRE_SCHED_ENABLED));
}

static bool is_expected(const struct evidence *e, const struct judge_facts *f, const struct detail *d)
{
	if (f->expect_finding)
		return d->kind == kind_of_finding[f->expect_finding];
	if (f->expect_repro && (d->kind == DETAIL_STARVED || d->kind == DETAIL_STUCK))
		return true;
	return ends_scheduler(e, f, d);
}

/* True for consequences of the expected failure: workers that did not run, steps that failed without the scheduler. */
static bool is_consequence(const struct evidence *e, const struct judge_facts *f, const struct detail *d)
{
	if (found_by_a_check(d))
		return true;
	if (f->expect_finding)
		return false;
	return d->kind == DETAIL_ENGINE ||
	       (d->kind == DETAIL_CRASH && e->has_test_exit && e->test_exit.timed_out && evidence_scheduler_end(e));
}

/* Checks that the logs contain the messages that the test expects of the scheduler's end. */
static bool check_messages(const struct evidence *e, const struct judge_facts *f, struct judgement *j)
{
	_cleanup_buf_ struct buf words = BUF_NULL;
	regex_t regex;
	buf_puts(&words, buf_str(&e->text[WIRE_STREAM_KMSG]));
	buf_puts(&words, buf_str(&e->text[WIRE_STREAM_SCHED]));
	buf_puts(&words, buf_str(&e->text[WIRE_STREAM_SCX_DUMP]));
	buf_puts(&words, buf_str(&e->console));
	if (f->expect_contains && !strstr(buf_str(&words), f->expect_contains)) {
		judgement_add(j, DETAIL_EXPECTATION, KTSTR_FAIL,
			      "the scheduler ended as expected, but no log says '%s'", f->expect_contains);
		return false;
	}
	if (!f->expect_matches)
		return true;
	if (regcomp(&regex, f->expect_matches, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0) {
		judgement_add(j, DETAIL_EXPECTATION, KTSTR_FAIL,
			      "expect_scx_error_matches '%s' is not a valid regular expression", f->expect_matches);
		return false;
	}
	bool matches = regexec(&regex, buf_str(&words), 0, NULL, 0) == 0;
	regfree(&regex);
	if (!matches)
		judgement_add(j, DETAIL_EXPECTATION, KTSTR_FAIL,
			      "the scheduler ended as expected, but no log matches '%s'", f->expect_matches);
	return matches;
}

/* --- CPU hotplug -------------------------------------------------------------------------------------------------- */

static bool lacks_hotplug(const struct evidence *e, const struct judge_facts *f)
{
	if (f->lacks)
		return f->lacks & KTSTR_LACK_HOTPLUG;
	return e->exact && e->exact->hotplug == EXACT_UNSUPPORTED;
}

/* The kernel ends a scheduler without callbacks for hotplug with a request to start again. That is not a fault. */
static bool ended_by_hotplug(const struct evidence *e)
{
	static const char *const said[] = { "going offline, exiting scheduler", "going online, exiting scheduler" };
	const struct evidence_sched *end = evidence_scheduler_end(e);
	for (size_t i = 0; end && i < ARRAY_SIZE(said); i++)
		if (strstr(buf_str(&e->text[WIRE_STREAM_KMSG]), said[i]) || strstr(buf_str(&e->console), said[i]) ||
		    strstr(buf_str(&e->text[WIRE_STREAM_SCHED]), said[i]))
			return true;
	return false;
}

void apply_hotplug(const struct evidence *e, const struct judge_facts *f, struct judgement *j)
{
	if (j->verdict != KTSTR_FAIL || !f->has_scheduler || f->expect_err || !lacks_hotplug(e, f) ||
	    !ended_by_hotplug(e))
		return;
	for (uint32_t i = 0; i < j->details; i++) {
		const struct detail *d = &j->detail[i];
		if (d->verdict == KTSTR_FAIL && d->kind != DETAIL_SCHEDULER && !is_consequence(e, f, d))
			return;
	}
	for (uint32_t i = 0; i < j->details; i++)
		if (j->detail[i].verdict == KTSTR_FAIL)
			j->detail[i].verdict = KTSTR_PASS;
	judgement_lead(
		j, DETAIL_SKIP, KTSTR_SKIP,
		"the scheduler does not support CPU hotplug: the kernel ended it when a CPU went offline or online");
	j->verdict = KTSTR_SKIP;
}

static uint32_t count_expected(const struct evidence *e, const struct judge_facts *f, const struct judgement *j)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < j->details; i++)
		count += j->detail[i].verdict == KTSTR_FAIL && is_expected(e, f, &j->detail[i]);
	return count;
}

/*
 * Turns expected findings and their consequences into passes. Returns true if other failures are left. A body that
 * fails although the scheduler did not end is such a failure.
 */
static bool forgive(const struct evidence *e, const struct judge_facts *f, struct judgement *j)
{
	bool left = f->expect_finding && e->has_result && e->result.verdict == KTSTR_FAIL;
	if (left)
		judgement_add(j, DETAIL_EXPECTATION, KTSTR_FAIL, "the test's body failed beside what was expected");
	for (uint32_t i = 0; i < j->details; i++) {
		struct detail *d = &j->detail[i];
		if (d->verdict != KTSTR_FAIL)
			continue;
		if (is_expected(e, f, d) || is_consequence(e, f, d))
			d->verdict = KTSTR_PASS;
		else
			left = true;
	}
	return left;
}

static void blame_absence(const struct judge_facts *f, struct judgement *j)
{
	const char *what = f->expect_finding ? detail_kind_name(kind_of_finding[f->expect_finding]) : NULL;
	bool other = false;
	for (uint32_t i = 0; i < j->details; i++)
		other |= j->detail[i].verdict == KTSTR_FAIL && found_by_a_check(&j->detail[i]);
	if (f->expect_repro)
		judgement_add(j, DETAIL_EXPECTATION, KTSTR_FAIL,
			      "expect_auto_repro: the scheduler was expected to fail, and did not");
	else if (j->verdict == KTSTR_PASS)
		judgement_add(j, DETAIL_EXPECTATION, KTSTR_FAIL, "the test was expected to fail, and passed");
	else if (what)
		judgement_add(j, DETAIL_EXPECTATION, KTSTR_FAIL, "expect_err: the expected finding, %s, was not made",
			      what);
	else
		judgement_add(j, DETAIL_EXPECTATION, KTSTR_FAIL,
			      "expect_err: the scheduler was expected to end, and did not%s",
			      other ? "; a finding of a check is expected by its name (expect_finding)" : "");
	j->verdict = KTSTR_FAIL;
}

void apply_expectation(const struct evidence *e, const struct judge_facts *f, struct judgement *j)
{
	if ((!f->expect_err && !f->expect_repro) || j->verdict == KTSTR_SKIP || j->verdict == KTSTR_INCONCLUSIVE)
		return;
	if (!count_expected(e, f, j)) {
		blame_absence(f, j);
		return;
	}
	j->verdict = forgive(e, f, j) || !check_messages(e, f, j) ? KTSTR_FAIL : KTSTR_PASS;
	if (!f->expect_repro || f->reproduced)
		return;
	judgement_add(j, DETAIL_EXPECTATION, KTSTR_FAIL,
		      "expect_auto_repro: the scheduler failed, but no second run showed it again");
	j->verdict = KTSTR_FAIL;
}
