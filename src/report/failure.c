/* SPDX-License-Identifier: GPL-2.0-only */
/* failure.c -- see failure.h. Empty sections are left out. */
#include <string.h>

#include "report/failure.h"

#define CONSOLE_LINES 20
#define LOG_LINES     40
#define SECTION_BYTES 8192 /* most bytes of a section */
#define FINDINGS_MAX  40
#define CGROUPS_MAX   40

static void section(struct buf *out, const struct term *t, const char *name)
{
	buf_appendf(out, "%s--- %s ---%s\n", term_style(t, TERM_DIM), name, term_plain(t));
}

/* The start of the last @lines lines, at most SECTION_BYTES before @end, at a character boundary. */
static const char *tail_start(const char *start, const char *end, unsigned lines)
{
	const char *p = end;
	for (unsigned n = 0; p > start && !(p[-1] == '\n' && ++n >= lines);)
		p--;
	if (end - p <= SECTION_BYTES)
		return p;
	for (p = end - SECTION_BYTES; p < end && (*p & 0xc0) == 0x80;)
		p++;
	return p;
}

/* Appends the last @lines lines, indented. */
static void tail(struct buf *out, const struct buf *text, unsigned lines)
{
	const char *start = buf_str(text), *end = start + text->len;
	while (end > start && end[-1] == '\n')
		end--;
	const char *p = tail_start(start, end, lines);
	if (p > start && p[-1] != '\n')
		buf_appendf(out, "  ... (%zu bytes before)\n", (size_t)(p - start));
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = newline ? (size_t)(newline - p) : (size_t)(end - p);
		buf_puts(out, "  ");
		buf_append(out, p, len);
		buf_puts(out, "\n");
		p += len + 1;
	}
}

static void text_section(struct buf *out, const struct term *t, const char *name, const struct buf *text,
			 unsigned lines)
{
	if (!text->len)
		return;
	section(out, t, name);
	tail(out, text, lines);
}

/* The cause first, then the other findings in order. */
static void put_findings(const struct judgement *j, struct buf *out)
{
	const struct detail *cause = judgement_cause(j);
	unsigned shown = cause != NULL;
	if (cause)
		buf_appendf(out, "  %s\n", cause->text);
	for (uint32_t i = 0; i < j->details && shown < FINDINGS_MAX; i++) {
		if (&j->detail[i] == cause)
			continue;
		buf_appendf(out, "  %s\n", j->detail[i].text);
		shown++;
	}
	unsigned more = j->details - shown + j->details_lost;
	if (more)
		buf_appendf(out, "  ... and %u more\n", more);
	for (uint32_t i = 0; i < j->unjudged_count; i++)
		buf_appendf(out, "  not judged: %s: %s\n", j->unjudged[i].check, j->unjudged[i].why);
}

static void put_header(const struct result *r, const struct term *t, struct buf *out)
{
	const struct judgement *j = r->judgement;
	bool fail = j->verdict == KTSTR_FAIL, pass = j->verdict == KTSTR_PASS;
	buf_appendf(out, "%sktstr_test '%s'%s [sched=%s] [topo=%s] %s%s%s:\n", term_style(t, TERM_NAME), r->test,
		    term_plain(t), r->scheduler ? r->scheduler : "eevdf", r->topology,
		    term_style(t, fail	 ? TERM_BAD
				  : pass ? TERM_GOOD
					 : TERM_WARN),
		    fail ? "failed" : verdict_name(j->verdict), term_plain(t));
	put_findings(j, out);
}

static void put_stats(const struct scenario_stats *s, const struct term *t, struct buf *out)
{
	if (!s->workers)
		return;
	section(out, t, "stats");
	buf_appendf(out, "  %lu workers, %lu cpus, %lu migrations, worst_spread=%.1f%%, worst_gap=%lums\n", s->workers,
		    s->cpus, s->migrations, s->worst_spread_pct, s->worst_gap_ms);
	for (uint32_t i = 0; i < MIN_OF(s->cgroups, CGROUPS_MAX); i++) {
		const struct cgroup_stats *c = &s->cgroup[i];
		buf_appendf(out, "  cg%u: workers=%u cpus=%u spread=", i, c->workers, c->cpus);
		if (c->off_cpu_workers < 2)
			buf_puts(out, "n/a");
		else
			buf_appendf(out, "%.1f%%", c->spread_pct);
		buf_appendf(out, " gap=%lums migrations=%lu iter=%lu\n", c->max_gap_ms, c->migrations, c->iterations);
	}
	if (s->cgroups > CGROUPS_MAX)
		buf_appendf(out, "  ... and %u cgroups more\n", s->cgroups - CGROUPS_MAX);
}

/* How far the test got. */
static const char *stage_of(const struct evidence *e)
{
	if (!e->has_hello)
		return "the guest's PID 1 never ran";
	if (e->has_result)
		return "the test ended";
	if (e->has_test_exit)
		return "the test's process ended without a result";
	if (e->phase_count)
		return "the test ran but gave no result";
	return "the guest ran, and nothing was heard of the test";
}

static void put_diagnostics(const struct result *r, const struct term *t, struct buf *out)
{
	const struct evidence *e = r->evidence;
	if (!r->start)
		return;
	section(out, t, "diagnostics");
	buf_appendf(out, "  stage: %s  guest time: %.3fs  events: %lu\n", stage_of(e), (double)e->last_ns / 1e9,
		    e->records);
	tail(out, &e->console, CONSOLE_LINES);
}

static void put_perf_mode(const struct result *r, const struct term *t, struct buf *out)
{
	if (!r->perf_mode || !r->perf_settings)
		return;
	section(out, t, "performance mode");
	for (unsigned i = 0; i < r->perf_settings; i++) {
		const struct result_perf_setting *w = &r->perf_setting[i];
		if (w->granted < w->asked)
			buf_appendf(out, "  WARNING: no %s (%u of %u): %s\n", w->name, w->granted, w->asked, w->why);
	}
}

void failure_report(const struct result *r, const struct term *t, struct buf *out)
{
	const struct evidence *e = r->evidence;
	put_header(r, t, out);
	put_stats(&r->judgement->stats, t, out);
	put_diagnostics(r, t, out);
	put_perf_mode(r, t, out);
	text_section(out, t, "test output", &e->text[WIRE_STREAM_TEST], LOG_LINES);
	text_section(out, t, "scheduler log", &e->text[WIRE_STREAM_SCHED], LOG_LINES);
	text_section(out, t, "sched_ext dump", &e->text[WIRE_STREAM_SCX_DUMP], LOG_LINES);
	text_section(out, t, "kernel messages", &e->text[WIRE_STREAM_KMSG], LOG_LINES);
	text_section(out, t, "guest init", &e->text[WIRE_STREAM_INIT], LOG_LINES);
	text_section(out, t, "processors", &e->diagnosis, LOG_LINES);
	text_section(out, t, "virtual machine", &e->stderr_text, LOG_LINES);
	if (r->sidecar)
		buf_appendf(out, "  stats   %s\n", r->sidecar);
	buf_appendf(out, "  replay  %s\n", r->replay);
}
