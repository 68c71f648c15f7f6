/* SPDX-License-Identifier: GPL-2.0-only */
/* junit.c -- JUnit XML in the form that nextest writes and Jenkins, GitLab and others read. */
#include <string.h>

#include "base/hash.h"
#include "formats/formats.h"
#include "formats/markup.h"

#define LOG_BUDGET ((size_t)64 << 20) /* bytes of all logs together */
#define LOG_MOST   ((size_t)64 << 10)

struct suite_counts {
	size_t tests, failures, errors, skipped;
	nsec_t wall;
};

/* Failures are what the test says; errors are tests that could not be judged. */
static void count_one(struct suite_counts *c, const struct report_result *t)
{
	c->tests++;
	c->wall += t->wall;
	c->failures += t->outcome == OUTCOME_FAIL || (t->outcome == OUTCOME_XPASS && t->bad);
	c->errors +=
		t->outcome == OUTCOME_INCONCLUSIVE || t->outcome == OUTCOME_NOT_RUN || t->outcome == OUTCOME_UNREADABLE;
	c->skipped += t->outcome == OUTCOME_SKIP || t->outcome == OUTCOME_XFAIL;
}

static size_t suite_end(const struct report_results *r, size_t from, struct suite_counts *ret)
{
	size_t i = from;
	*ret = (struct suite_counts){ 0 };
	for (; i < r->count && !strcmp(r->item[i].suite, r->item[from].suite); i++)
		count_one(ret, &r->item[i]);
	return i;
}

static void put_seconds(struct buf *out, nsec_t t)
{
	buf_appendf(out, " time=\"%ld.%03ld\"", t / NSEC_PER_SEC, t % NSEC_PER_SEC / NSEC_PER_MSEC);
}

static void put_time(struct buf *out, time_t t)
{
	char text[TIME_TEXT_MAX];
	if (t)
		markup_attribute(out, "timestamp", time_rfc3339(t, text));
}

/* A UUID of version 8 (RFC 9562) from what the results are, so that the same results give the same file. */
static void put_uuid(struct buf *out, const struct report_results *r)
{
	struct siphash h;
	siphash_init(&h);
	for (size_t i = 0; i < r->count; i++) {
		siphash_string(&h, r->item[i].run_id);
		siphash_string(&h, r->item[i].name);
		siphash_string(&h, r->item[i].timestamp);
	}
	uint64_t high = siphash_final(&h);
	siphash_string(&h, "second half");
	uint64_t low = siphash_final(&h);
	buf_appendf(out, " uuid=\"%08lx-%04lx-8%03lx-%04lx-%012lx\"", high >> 32, (high >> 16) & 0xffff, high & 0xfff,
		    (low >> 48 & 0x3fff) | 0x8000, low & 0xffffffffffff);
}

static void put_property(struct buf *out, const char *name, const char *value)
{
	if (!*value)
		return;
	buf_puts(out, "        <property");
	markup_attribute(out, "name", name);
	markup_attribute(out, "value", value);
	buf_puts(out, "/>\n");
}

static void put_properties(struct buf *out, const struct report_result *t)
{
	const char *const property[][2] = {
		{ "seed", t->seed },	       { "kernel", t->kernel_version }, { "kernel_key", t->kernel },
		{ "scheduler", t->scheduler }, { "topology", t->topology },	{ "backend", t->accel },
		{ "sidecar", t->sidecar },     { "replay", t->replay },
	};
	bool any = false;
	for (size_t i = 0; i < ARRAY_SIZE(property); i++)
		any |= *property[i][1] != '\0';
	if (!any)
		return;
	buf_puts(out, "      <properties>\n");
	for (size_t i = 0; i < ARRAY_SIZE(property); i++)
		put_property(out, property[i][0], property[i][1]);
	buf_puts(out, "      </properties>\n");
}

/* The findings one by one, and the replay line. */
static void put_findings(struct buf *out, const struct report_result *t)
{
	const json_t *details = json_object_get(t->json, "details");
	_cleanup_buf_ struct buf text = BUF_NULL;
	for (size_t i = 0; i < json_array_size(details); i++) {
		const char *message = json_string_value(json_object_get(json_array_get(details, i), "message"));
		if (message)
			buf_appendf(&text, "%s\n", message);
	}
	if (!text.len)
		buf_appendf(&text, "%s\n", t->cause);
	if (*t->replay)
		buf_appendf(&text, "replay: %s\n", t->replay);
	if (text.failed)
		out->failed = true;
	_cleanup_buf_ struct buf clean = BUF_NULL;
	result_clean(buf_str(&text), LOG_MOST, &clean);
	markup_text_n(out, buf_str(&clean), clean.len);
}

static const char *kind_of(const struct report_result *t)
{
	const json_t *first = json_array_get(json_object_get(t->json, "details"), 0);
	return json_string_value(json_object_get(first, "kind")) ?: outcome_rows[t->outcome].word;
}

static void put_status(struct buf *out, const struct report_result *t, const char *tag, const char *type)
{
	_cleanup_buf_ struct buf kind = BUF_NULL;
	result_clean_line(type, RESULTS_WORD_MAX, &kind);
	buf_appendf(out, "      <%s", tag);
	markup_attribute(out, "type", buf_str(&kind));
	markup_attribute(out, "message", t->cause);
	buf_puts(out, ">");
	put_findings(out, t);
	buf_appendf(out, "</%s>\n", tag);
}

/* Tries that did not pass, before the last one: rerunFailure of a failed test, flakyFailure of one that passed. */
static void put_tries(struct buf *out, const struct report_result *t, const char *tag)
{
	const json_t *tries = json_object_get(json_object_get(t->json, "flake"), "tries");
	size_t count = json_array_size(tries), last = t->outcome == OUTCOME_FLAKY ? count : count ? count - 1 : 0;
	for (size_t i = 0; i < last; i++) {
		const json_t *try = json_array_get(tries, i);
		const char *cause = json_string_value(json_object_get(try, "cause"));
		const char *verdict = json_string_value(json_object_get(try, "verdict")) ?: "fail";
		const char *seed = json_string_value(json_object_get(try, "seed")) ?: "";
		_cleanup_buf_ struct buf message = BUF_NULL, type = BUF_NULL, with = BUF_NULL;
		if (!cause)
			continue;
		result_clean_line(cause, RESULTS_TEXT_MAX, &message);
		result_clean_line(verdict, RESULTS_WORD_MAX, &type);
		result_clean_line(seed, RESULTS_WORD_MAX, &with);
		buf_appendf(out, "      <%s", tag);
		markup_attribute(out, "type", buf_str(&type));
		markup_attribute(out, "message", buf_str(&message));
		buf_puts(out, ">seed ");
		markup_text(out, buf_str(&with));
		buf_appendf(out, "</%s>\n", tag);
	}
}

static void put_skipped(struct buf *out, const struct report_result *t)
{
	buf_puts(out, "      <skipped");
	if (t->outcome == OUTCOME_XFAIL) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		buf_appendf(&text, "known to fail (%s): %s", t->reason, t->cause);
		markup_attribute(out, "message", buf_str(&text));
	} else {
		markup_attribute(out, "message", t->cause);
	}
	buf_puts(out, "/>\n");
}

static void put_outcome(struct buf *out, const struct report_result *t)
{
	switch (t->outcome) {
	case OUTCOME_FAIL:
		put_status(out, t, "failure", kind_of(t));
		put_tries(out, t, "rerunFailure");
		break;
	case OUTCOME_XPASS:
		if (t->bad)
			put_status(out, t, "failure", "xpass");
		break;
	case OUTCOME_NOT_RUN:
	case OUTCOME_UNREADABLE:
	case OUTCOME_INCONCLUSIVE:
		put_status(out, t, "error", outcome_rows[t->outcome].word);
		put_tries(out, t, "rerunFailure");
		break;
	case OUTCOME_FLAKY:
		put_tries(out, t, "flakyFailure");
		break;
	case OUTCOME_XFAIL:
	case OUTCOME_SKIP:
		put_skipped(out, t);
		break;
	default:
		break;
	}
}

/* @twin: another result has the same name. */
static void put_case(struct buf *out, const struct report_result *t, bool twin, size_t share)
{
	_cleanup_buf_ struct buf log = BUF_NULL;
	_cleanup_buf_ struct buf name = BUF_NULL;
	buf_puts(&name, t->name);
	if (twin)
		buf_appendf(&name, "@seed-%s", t->seed);
	buf_puts(out, "    <testcase");
	markup_attribute(out, "name", buf_str(&name));
	markup_attribute(out, "classname", t->suite);
	put_time(out, t->ended ? t->ended - t->wall / NSEC_PER_SEC : 0);
	put_seconds(out, t->wall);
	buf_puts(out, ">\n");
	put_properties(out, t);
	put_outcome(out, t);
	if (result_has_page(t) && result_report(t, share, &log)) {
		buf_puts(out, "      <system-out>");
		markup_text_n(out, log.data, log.len);
		buf_puts(out, "</system-out>\n");
	}
	buf_puts(out, "    </testcase>\n");
}

static void put_suite(struct buf *out, const struct report_results *r, size_t from, size_t end,
		      const struct suite_counts *c, size_t share)
{
	buf_puts(out, "  <testsuite");
	markup_attribute(out, "name", r->item[from].suite);
	buf_appendf(out, " tests=\"%zu\" disabled=\"%zu\" errors=\"%zu\" failures=\"%zu\"", c->tests, c->skipped,
		    c->errors, c->failures);
	put_seconds(out, c->wall);
	buf_puts(out, ">\n");
	for (size_t i = from; i < end; i++) {
		const struct report_result *t = &r->item[i];
		bool twin = (i > from && !strcmp(t->name, t[-1].name)) || (i + 1 < end && !strcmp(t->name, t[1].name));
		put_case(out, t, twin, share);
	}
	buf_puts(out, "  </testsuite>\n");
}

static size_t count_pages(const struct report_results *r)
{
	size_t pages = 0;
	for (size_t i = 0; i < r->count; i++)
		pages += result_has_page(&r->item[i]);
	return pages;
}

void junit_write(const struct report_results *r, struct buf *out)
{
	struct suite_counts all = { 0 }, c;
	struct result_counts counts = report_results_count(r);
	size_t share = result_log_share(LOG_BUDGET, count_pages(r), LOG_MOST);
	for (size_t i = 0; i < r->count; i++)
		count_one(&all, &r->item[i]);
	buf_puts(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ktstr\"");
	buf_appendf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\"", all.tests, all.failures, all.errors);
	put_uuid(out, r);
	put_time(out, counts.first);
	put_seconds(out, all.wall);
	buf_puts(out, ">\n");
	for (size_t i = 0, end; i < r->count; i = end) {
		end = suite_end(r, i, &c);
		put_suite(out, r, i, end, &c, share);
	}
	buf_puts(out, "</testsuites>\n");
}
