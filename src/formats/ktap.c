/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ktap.c -- KTAP version 1, as tools/testing/kunit/kunit.py of the kernel reads it, and TAP version 14.
 *
 * KTAP is nested: test binaries, then tests, then the variants of a test where it has several. TAP is flat.
 */
#include <string.h>

#include "base/text.h"
#include "formats/formats.h"

#define LINES_MOST 200 /* of a report, as diagnostics */
#define LOG_BUDGET ((size_t)16 << 20)
#define LOG_MOST   ((size_t)8 << 10)

/* A result is "ok" if it does not fail the run. */
static bool is_ok(const struct report_result *t)
{
	return !t->bad && t->outcome != OUTCOME_INCONCLUSIVE;
}

/* --- KTAP --------------------------------------------------------------------------------------------------------- */

/* '#' begins a directive and cannot be escaped. */
static void put_name(struct buf *out, const char *name)
{
	if (!*name)
		buf_puts(out, "?");
	for (const char *c = name; *c; c++)
		buf_append(out, *c == '#' ? "_" : c, 1);
}

static void put_directive(struct buf *out, const struct report_result *t)
{
	switch (t->outcome) {
	case OUTCOME_SKIP:
		buf_appendf(out, " # SKIP %s", t->cause);
		break;
	case OUTCOME_XFAIL:
		buf_appendf(out, " # XFAIL %s", t->reason);
		break;
	case OUTCOME_INCONCLUSIVE:
		buf_appendf(out, " # ERROR inconclusive: %s", t->cause);
		break;
	case OUTCOME_NOT_RUN:
		buf_appendf(out, " # ERROR not run: %s", t->cause);
		break;
	case OUTCOME_UNREADABLE:
		buf_appendf(out, " # ERROR unreadable: %s", t->cause);
		break;
	default:
		break;
	}
}

static void put_comment(struct buf *out, unsigned indent, const char *label, const char *text)
{
	if (*text)
		buf_appendf(out, "%*s# %s%s\n", (int)indent, "", label, text);
}

static void put_log(struct buf *out, unsigned indent, const struct report_result *t, size_t share)
{
	_cleanup_buf_ struct buf log = BUF_NULL;
	unsigned lines = 0;
	if (is_ok(t) || !result_report(t, share, &log))
		return;
	for (const char *p = buf_str(&log), *end = p + log.len; p < end && lines < LINES_MOST; lines++) {
		size_t len = strcspn(p, "\n");
		buf_appendf(out, "%*s#   ", (int)indent, "");
		buf_append(out, p, len);
		buf_puts(out, "\n");
		p += len + 1;
	}
}

static void put_result(struct buf *out, unsigned indent, size_t number, const struct report_result *t, const char *name,
		       size_t share)
{
	if (t->outcome != OUTCOME_PASS && t->outcome != OUTCOME_SKIP) {
		put_comment(out, indent, "cause: ", t->cause);
		put_log(out, indent, t, share);
		put_comment(out, indent, "seed: ", t->seed);
		put_comment(out, indent, "replay: ", t->replay);
	}
	buf_appendf(out, "%*s%s %zu ", (int)indent, "", is_ok(t) ? "ok" : "not ok", number);
	put_name(out, name);
	put_directive(out, t);
	buf_puts(out, "\n");
}

static size_t group_end(const struct report_results *r, size_t from, bool by_test)
{
	size_t i = from;
	while (i < r->count && !strcmp(r->item[i].suite, r->item[from].suite) &&
	       (!by_test || !strcmp(r->item[i].test, r->item[from].test)))
		i++;
	return i;
}

static size_t count_groups(const struct report_results *r, size_t from, size_t end, bool by_test)
{
	size_t groups = 0;
	for (size_t i = from; i < end; i = group_end(r, i, by_test))
		groups++;
	return groups;
}

static bool is_named(const char *name, const struct buf *other)
{
	_cleanup_buf_ struct buf own = BUF_NULL;
	put_name(&own, name);
	return !strcmp(buf_str(&own), buf_str(other));
}

/* kunit.py takes a result with the name of the group for the end of the group, so their names differ. */
static void name_group(struct buf *ret, const char *name, const struct report_results *r, size_t from, size_t end,
		       bool by_test)
{
	bool taken = false;
	put_name(ret, name);
	for (size_t i = from; i < end; i++)
		taken |= is_named(r->item[i].name, ret) || (!by_test && is_named(r->item[i].test, ret));
	buf_puts(ret, taken ? "/" : "");
}

static void begin_group(struct buf *out, unsigned indent, const char *name, size_t count)
{
	buf_appendf(out, "%*sKTAP version 1\n%*s# Subtest: ", (int)indent, "", (int)indent, "");
	put_name(out, name);
	buf_appendf(out, "\n%*s1..%zu\n", (int)indent, "", count);
}

/* A group whose tests were all skipped is skipped, too. */
static void end_group(struct buf *out, unsigned indent, size_t number, const char *name, const struct report_results *r,
		      size_t from, size_t end)
{
	bool ok = true, skipped = true;
	for (size_t i = from; i < end; i++) {
		ok &= is_ok(&r->item[i]);
		skipped &= r->item[i].outcome == OUTCOME_SKIP;
	}
	buf_appendf(out, "%*s%s %zu ", (int)indent, "", ok ? "ok" : "not ok", number);
	put_name(out, name);
	buf_puts(out, skipped ? " # SKIP\n" : "\n");
}

/* What distinguishes the variants of a test: its full name, or else its topology, scheduler and seed. */
static void put_variants(struct buf *out, const struct report_results *r, size_t from, size_t end, size_t share)
{
	for (size_t i = from; i < end; i++) {
		const struct report_result *t = &r->item[i];
		_cleanup_buf_ struct buf name = BUF_NULL;
		bool twin = (i > from && !strcmp(t->name, t[-1].name)) || (i + 1 < end && !strcmp(t->name, t[1].name));
		buf_puts(&name, t->name);
		if (twin)
			buf_appendf(&name, " %s %s %s %s", t->kernel_version, t->topology, t->scheduler, t->seed);
		put_result(out, 4, i - from + 1, t, buf_str(&name), share);
	}
}

static void put_test(struct buf *out, size_t number, const struct report_results *r, size_t from, size_t end,
		     size_t share)
{
	const struct report_result *t = &r->item[from];
	if (end - from == 1) {
		put_result(out, 2, number, t, t->name, share);
		return;
	}
	_cleanup_buf_ struct buf group = BUF_NULL;
	name_group(&group, t->test, r, from, end, /* by_test= */ true);
	begin_group(out, 4, buf_str(&group), end - from);
	put_variants(out, r, from, end, share);
	end_group(out, 2, number, buf_str(&group), r, from, end);
}

static void put_suite(struct buf *out, size_t number, const struct report_results *r, size_t from, size_t end,
		      size_t share)
{
	const char *name = *r->item[from].suite ? r->item[from].suite : "ktstr";
	size_t test = 1;
	_cleanup_buf_ struct buf group = BUF_NULL;
	name_group(&group, name, r, from, end, /* by_test= */ false);
	begin_group(out, 2, buf_str(&group), count_groups(r, from, end, /* by_test= */ true));
	for (size_t i = from, next; i < end; i = next) {
		next = group_end(r, i, /* by_test= */ true);
		put_test(out, test++, r, i, next, share);
	}
	end_group(out, 0, number, buf_str(&group), r, from, end);
}

static size_t count_bad(const struct report_results *r)
{
	size_t bad = 0;
	for (size_t i = 0; i < r->count; i++)
		bad += !is_ok(&r->item[i]);
	return bad;
}

void ktap_write(const struct report_results *r, struct buf *out)
{
	size_t number = 1, share = result_log_share(LOG_BUDGET, count_bad(r), LOG_MOST);
	buf_appendf(out, "KTAP version 1\n1..%zu\n", count_groups(r, 0, r->count, /* by_test= */ false));
	for (size_t i = 0, end; i < r->count; i = end) {
		end = group_end(r, i, /* by_test= */ false);
		put_suite(out, number++, r, i, end, share);
	}
}

/* --- TAP ---------------------------------------------------------------------------------------------------------- */

static void put_escaped(struct buf *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		buf_puts(out, *c == '#' || *c == '\\' ? "\\" : "");
		buf_append(out, c, 1);
	}
}

/* A string of JSON is also one of YAML. */
static void put_yaml(struct buf *out, const char *key, const char *value)
{
	if (!*value)
		return;
	buf_appendf(out, "  %s: \"", key);
	text_append_json(out, value, strlen(value));
	buf_puts(out, "\"\n");
}

static void put_tap_directive(struct buf *out, const struct report_result *t)
{
	bool skip = t->outcome == OUTCOME_SKIP;
	/* A test with "# TODO" that is "not ok" does not fail the run. */
	bool todo = t->outcome == OUTCOME_XFAIL || (!t->bad && t->outcome == OUTCOME_INCONCLUSIVE);
	if (!skip && !todo)
		return;
	buf_puts(out, skip ? " # SKIP " : " # TODO ");
	put_escaped(out, t->outcome == OUTCOME_XFAIL ? t->reason : t->cause);
}

static void put_tap(struct buf *out, size_t number, const struct report_result *t)
{
	bool ok = is_ok(t) && t->outcome != OUTCOME_XFAIL;
	buf_appendf(out, "%s %zu - ", ok ? "ok" : "not ok", number);
	put_escaped(out, t->name);
	put_tap_directive(out, t);
	buf_puts(out, "\n");
	if (t->outcome == OUTCOME_PASS || t->outcome == OUTCOME_SKIP)
		return;
	buf_puts(out, "  ---\n");
	put_yaml(out, "outcome", outcome_rows[t->outcome].word);
	put_yaml(out, "message", t->cause);
	put_yaml(out, "suite", t->suite);
	put_yaml(out, "topology", t->topology);
	put_yaml(out, "scheduler", t->scheduler);
	put_yaml(out, "kernel", t->kernel_version);
	put_yaml(out, "seed", t->seed);
	put_yaml(out, "sidecar", t->sidecar);
	put_yaml(out, "replay", t->replay);
	buf_puts(out, "  ...\n");
}

void tap_write(const struct report_results *r, struct buf *out)
{
	buf_appendf(out, "TAP version 14\n1..%zu%s\n", r->count, r->count ? "" : " # SKIP no results");
	for (size_t i = 0; i < r->count; i++)
		put_tap(out, i + 1, &r->item[i]);
}
