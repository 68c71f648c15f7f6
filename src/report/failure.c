/* SPDX-License-Identifier: GPL-2.0-only */
/* failure.c -- see failure.h. Empty sections are left out. */
#include <string.h>

#include "monitor/repro.h"
#include "report/failure.h"
#include "report/monitor.h"
#include "report/schedule.h"
#include "report/timeline.h"

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
	buf_appendf(out, "%sktstr_test '%s'%s [sched=%s", term_style(t, TERM_NAME), r->test, term_plain(t),
		    r->scheduler ? r->scheduler : "eevdf");
	for (size_t i = 0; r->scheduler && i < ARRAY_SIZE(r->scheduler_args); i++)
		for (const char *const *arg = r->scheduler_args[i]; arg && *arg; arg++)
			buf_appendf(out, " %s", *arg);
	buf_appendf(out, "] [topo=%s] %s%s%s:\n", r->topology,
		    term_style(t, fail	 ? TERM_BAD
				  : pass ? TERM_GOOD
					 : TERM_WARN),
		    fail ? "failed" : verdict_name(j->verdict), term_plain(t));
	put_findings(j, out);
}

static void put_waits(const struct cgroup_stats *c, bool longest, struct buf *out)
{
	char gap[TIME_TEXT_MAX], wait[TIME_TEXT_MAX], all[TIME_TEXT_MAX];
	buf_appendf(out, "      longest gap %s%s; a worker waited for a CPU up to %s at a time, up to %s in all\n",
		    nsec_measure((double)c->max_gap_ms * 1e6, gap), longest ? " (the longest of the test)" : "",
		    nsec_measure(c->max_run_delay_us * 1e3, wait), nsec_measure(c->worst_run_delay_us * 1e3, all));
	if (!c->wake_samples)
		return;
	buf_appendf(out, "      wake-up latency: median %s, p99 %s, longest %s, in %lu wake-ups\n",
		    nsec_measure(c->median_wake_us * 1e3, gap), nsec_measure(c->p99_wake_us * 1e3, wait),
		    nsec_measure(c->max_wake_us * 1e3, all), c->wake_samples);
}

static void put_cgroup(const struct cgroup_stats *c, bool longest, struct buf *out)
{
	buf_appendf(out, "  cgroup '%s' (%s): %u worker%s on %u CPU%s, %lu iteration%s, %lu migration%s, ", c->name,
		    c->work && *c->work ? c->work : "?", c->workers, plural(c->workers), c->cpus, plural(c->cpus),
		    c->iterations, plural(c->iterations), c->migrations, plural(c->migrations));
	if (c->off_cpu_workers < 2)
		buf_appendf(out, "%.1f %% off CPU\n", c->avg_off_cpu_pct);
	else
		buf_appendf(out, "%.1f to %.1f %% off CPU\n", c->min_off_cpu_pct, c->max_off_cpu_pct);
	put_waits(c, longest, out);
}

static void put_stats(const struct result *r, const struct term *t, struct buf *out)
{
	const struct scenario_stats *s = &r->judgement->stats;
	uint32_t cpus = r->evidence->cpus ? r->evidence->cpus : r->evidence->hello.cpus;
	bool found = s->cgroups < 2; /* one cgroup is not compared with others */
	if (!s->workers)
		return;
	section(out, t, "stats");
	buf_appendf(out, "  the machine has %u CPU%s; %lu worker%s, %lu migration%s\n", cpus, plural(cpus), s->workers,
		    plural(s->workers), s->migrations, plural(s->migrations));
	for (uint32_t i = 0; i < MIN_OF(s->cgroups, CGROUPS_MAX); i++) {
		bool longest = !found && s->cgroup[i].max_gap_ms == s->worst_gap_ms;
		put_cgroup(&s->cgroup[i], longest, out);
		schedule_text(r->evidence, i, out);
		found |= longest;
	}
	if (s->cgroups > CGROUPS_MAX)
		buf_appendf(out, "  ... and %u cgroups more\n", s->cgroups - CGROUPS_MAX);
}

/* What was found beside each limit that was judged. */
static void put_values(const struct judgement *j, const struct term *t, struct buf *out)
{
	if (!j->values)
		return;
	section(out, t, "limits");
	for (uint32_t i = 0; i < j->values; i++)
		buf_appendf(out, "  %s\n", j->value[i]);
	if (j->values_lost)
		buf_appendf(out, "  ... and %u more\n", j->values_lost);
}

/* How far the test got. */
static const char *progress_of(const struct evidence *e)
{
	if (!e->has_hello)
		return "the guest kernel did not start ktstr's PID 1";
	if (e->has_result)
		return "the test ended";
	if (e->has_test_exit)
		return "the test's process ended without a result";
	if (e->phase_count)
		return "the test began, but did not end";
	return "the guest started, but no step of the test began";
}

static void put_progress(const struct result *r, const struct term *t, struct buf *out)
{
	const struct evidence *e = r->evidence;
	if (!r->start)
		return;
	section(out, t, "progress");
	buf_appendf(out, "  %s; the guest sent %lu record%s, the last one %.3f s after its start\n", progress_of(e),
		    e->records, plural(e->records), (double)e->last_ns / 1e9);
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

/* What the guest's memory said, from outside. */
static void put_dump(const struct result *r, const struct term *t, struct buf *out)
{
	if (!r->dump_text || !*r->dump_text)
		return;
	section(out, t, "dump (from outside)");
	buf_puts(out, r->dump_text);
}

/* What the scheduler did around the failure. */
static void put_schedule(const struct result *r, const struct term *t, struct buf *out)
{
	if (!r->schedule_text || !*r->schedule_text)
		return;
	section(out, t, "schedule");
	buf_puts(out, r->schedule_text);
}

/* A section whose lines @write appends; left out if there are none. */
static void put_lines(const struct result *r, const struct term *t, const char *name,
		      void (*write)(const struct result *r, struct buf *out), struct buf *out)
{
	_cleanup_buf_ struct buf lines = BUF_NULL;
	write(r, &lines);
	if (!lines.len)
		return;
	section(out, t, name);
	buf_append(out, buf_str(&lines), lines.len);
}

static void put_repro(const struct result *r, const struct term *t, struct buf *out)
{
	const char *status = json_string_value(json_object_get(r->repro, "status")),
		   *reason = json_string_value(json_object_get(r->repro, "reason"));
	char took[TIME_TEXT_MAX];
	if (!r->repro)
		return;
	section(out, t, "auto-repro");
	if (reason) {
		buf_appendf(out, "  %s: %s\n", status, reason);
		return;
	}
	buf_appendf(out, "  %s by a second run with the same seed (%s), whose events are %s\n", status,
		    nsec_format(r->repro_wall, took),
		    json_is_true(json_object_get(r->repro, "same_events")) ? "the same" : "NOT the same");
	repro_text(r->repro, out);
}

void failure_report(const struct result *r, const struct term *t, struct buf *out)
{
	static const struct buf none = BUF_NULL;
	const struct evidence *e = r->evidence;
	put_header(r, t, out);
	put_stats(r, t, out);
	put_values(r->judgement, t, out);
	put_progress(r, t, out);
	put_perf_mode(r, t, out);
	put_schedule(r, t, out);
	put_dump(r, t, out);
	put_repro(r, t, out);
	put_lines(r, t, "timeline", timeline_text, out);
	text_section(out, t, "test output", &e->text[WIRE_STREAM_TEST], LOG_LINES);
	text_section(out, t, "scheduler log", &e->text[WIRE_STREAM_SCHED], LOG_LINES);
	put_lines(r, t, "monitor", monitor_text, out);
	text_section(out, t, "sched_ext dump", &e->text[WIRE_STREAM_SCX_DUMP], LOG_LINES);
	text_section(out, t, "console (its last lines)", r->start ? &e->console : &none, CONSOLE_LINES);
	text_section(out, t, "kernel warnings of the whole run (not all belong to the failure)",
		     &e->text[WIRE_STREAM_KMSG], LOG_LINES);
	text_section(out, t, "guest init", &e->text[WIRE_STREAM_INIT], LOG_LINES);
	text_section(out, t, "processors", &e->diagnosis, LOG_LINES);
	text_section(out, t, "virtual machine", &e->stderr_text, LOG_LINES);
	/* The tries of a test share one file, which keeps the last one. */
	bool kept = !r->history || r->outcome.final;
	if (r->sidecar && kept)
		buf_appendf(out, "  stats   %s\n", r->sidecar);
	if (r->dump && kept)
		buf_appendf(out, "  dump    %s\n", r->dump);
	if (r->schedule_file && kept)
		buf_appendf(out, "  trace   %s\n", r->schedule_file);
	if (r->repro_dump && kept)
		buf_appendf(out, "  repro   %s\n", r->repro_dump);
	buf_appendf(out, "  replay  %s\n", r->replay);
}
