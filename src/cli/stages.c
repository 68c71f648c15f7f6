/* SPDX-License-Identifier: GPL-2.0-only */
/* stages.c -- see stages.h. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/out.h"
#include "cli/stages.h"

#define PERIOD	       (200 * NSEC_PER_MSEC)
#define LINES_AT_LEAST (30 * NSEC_PER_SEC)

/* --- lines about a kernel ----------------------------------------------------------------------------------------- */

static void describe_bytes(uint64_t bytes, struct buf *out)
{
	buf_appendf(out, bytes >= 10 << 20 ? "%lu MiB" : "%lu KiB", bytes >> (bytes >= 10 << 20 ? 20 : 10));
}

static void describe_fetch(const struct fetch *f, struct buf *out)
{
	struct fetch_progress p;
	char eta[TIME_TEXT_MAX];
	fetch_progress(f, &p);
	if (p.total)
		buf_appendf(out, " %3lu%%", p.done * 100 / p.total);
	buf_puts(out, "  ");
	describe_bytes(p.done, out);
	if (p.total) {
		buf_puts(out, " of ");
		describe_bytes(p.total, out);
	}
	if (p.rate) {
		buf_puts(out, "  ");
		describe_bytes(p.rate, out);
		buf_puts(out, "/s");
	}
	if (p.eta != NSEC_NEVER)
		buf_appendf(out, "  %s left", nsec_format(p.eta, eta));
	if (f->attempts > 1)
		buf_appendf(out, "  attempt %u", f->attempts);
}

static void describe_stage(const struct kernel_job *job, struct buf *out)
{
	uint64_t read = job->unpack.read_bytes;
	switch ((enum kernel_stage)job->machine.state) {
	case STAGE_DOWNLOAD:
		if (job->fetch.machine.started)
			describe_fetch(&job->fetch, out);
		break;
	case STAGE_UNPACK:
		if (job->tarball_bytes)
			buf_appendf(out, " %3lu%%  %lu files", MIN_OF(read * 100 / job->tarball_bytes, 100),
				    job->unpack.files);
		break;
	case STAGE_COMPILE:
		if (job->objects_expected)
			buf_appendf(out, " %3lu%%  %lu/%lu objects",
				    MIN_OF(job->objects * 100 / job->objects_expected, 99), job->objects,
				    job->objects_expected);
		else
			buf_appendf(out, " %lu objects", job->objects);
		break;
	default:
		break;
	}
}

static void describe_end(const struct kernel_job *job, struct buf *out)
{
	char spent[TIME_TEXT_MAX];
	const char *ccache = job->config.ccache ? " through ccache" : "";
	nsec_format(job->finished - job->began, spent);
	if (job->result < 0)
		buf_puts(out, job->result == -ECANCELED ? "cancelled" : "failed");
	else if (job->hit)
		buf_appendf(out, "cached kernel found: %s/%s%s%s", job->config.cache->root, job->key,
			    job->note[0] ? "; " : "", job->note);
	else if (job->key[0])
		buf_appendf(out, "built in %s%s: %s%s%s", spent, ccache, job->key, job->note[0] ? "; " : "", job->note);
	else
		buf_appendf(out, "built in place in %s%s; %s", spent, ccache, job->note);
	if (job->warnings)
		buf_appendf(out, "  (%lu compiler warning%s)", job->warnings, plural(job->warnings));
}

void stages_describe(const struct kernel_job *job, nsec_t now, struct buf *out)
{
	char elapsed[TIME_TEXT_MAX];
	const char *title = kernel_job_title(job);
	buf_puts(out, "kernel ");
	text_append_line(out, title, strlen(title));
	buf_appendf(out, "%*s ", (int)(12 - MIN_OF(strlen(title), 12)), "");
	if (job->ended) {
		describe_end(job, out);
		return;
	}
	buf_appendf(out, "%-10s", machine_state_name(&job->machine));
	describe_stage(job, out);
	buf_appendf(out, "  %s", nsec_format(now - job->began, elapsed));
	if (job->note[0]) {
		buf_puts(out, "  ");
		text_append_line(out, job->note, strlen(job->note));
	}
}

static void describe_json(const struct kernel_job *job, struct buf *out)
{
	json_auto_t *o = json_object();
	json_put_text(&o, "event", job->ended ? "kernel-finished" : "kernel-stage");
	json_put_text(&o, "kernel", kernel_job_title(job));
	json_put_text(&o, "stage", job->ended ? "end" : machine_state_name(&job->machine));
	if (job->ended) {
		json_put_bool(&o, "ok", job->result == 0);
		json_put_bool(&o, "cached", job->hit);
		json_put_text(&o, "key", job->key[0] ? job->key : NULL);
		json_put_int(&o, "wall_ns", job->finished - job->began);
		json_put_u64(&o, "warnings", job->warnings);
	}
	if (job->ended && job->err) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		err_format(job->err, &text);
		json_put_text(&o, "error", buf_str(&text));
	}
	json_print(o, false, out);
}

/* --- when a line is drawn ----------------------------------------------------------------------------------------- */

/* The change since the last call: 0 none, 1 another stage, 2 the end. */
static int news(struct stages *s, size_t i)
{
	const struct kernel_job *job = s->batch->job[i];
	if (!job || s->shown[i] < 0)
		return 0;
	if (job->ended) {
		s->shown[i] = -1;
		return 2;
	}
	/* Several states may share one name. */
	bool same = s->shown[i] > 0 &&
		    !strcmp(kernel_stage_name((enum kernel_stage)(s->shown[i] - 1)), machine_state_name(&job->machine));
	s->shown[i] = (int)job->machine.state + 1;
	return !same;
}

/* Colours the line of a finished job. On a terminal, cuts other lines to its width. */
static void put_line(const struct stages *s, const struct kernel_job *job, nsec_t now, struct buf *out)
{
	_cleanup_buf_ struct buf line = BUF_NULL;
	stages_describe(job, now, &line);
	if (job->ended)
		buf_appendf(out, "%s%s%s\n", term_style(&s->term, job->result < 0 ? TERM_BAD : TERM_GOOD),
			    buf_str(&line), term_plain(&s->term));
	else if (!s->term.tty)
		buf_appendf(out, "%s\n", buf_str(&line));
	else {
		text_append_columns(out, buf_str(&line), s->term.columns, /* pad= */ false);
		buf_puts(out, "\n");
	}
}

static void draw_terminal(struct stages *s, nsec_t now, struct buf *out)
{
	_cleanup_buf_ struct buf lines = BUF_NULL;
	bool colour = s->term.colour;
	s->term = term_probe(s->term.fd);
	s->term.colour = colour;
	term_frame_erase(&s->frame, out);
	for (size_t i = 0; i < s->batch->config.count; i++)
		if (news(s, i) == 2)
			put_line(s, s->batch->job[i], now, out);
	for (size_t i = 0; i < s->batch->config.count; i++) {
		if (!s->batch->job[i] || s->shown[i] < 0)
			continue;
		put_line(s, s->batch->job[i], now, &lines);
	}
	if (lines.len)
		term_frame_draw(&s->frame, &s->term, &lines, out);
}

/* A log without output for minutes looks like a hang to people and to watchdogs. */
static bool is_overdue(const struct stages *s, size_t i, nsec_t now)
{
	return !s->json && s->batch->job[i] && s->shown[i] > 0 && now - s->said[i] >= LINES_AT_LEAST;
}

static void draw_lines(struct stages *s, nsec_t now, struct buf *out)
{
	for (size_t i = 0; i < s->batch->config.count; i++) {
		bool is_new = news(s, i) != 0;
		if (!is_new && !is_overdue(s, i, now))
			continue;
		s->said[i] = now;
		if (s->json)
			describe_json(s->batch->job[i], out);
		else
			put_line(s, s->batch->job[i], now, out);
	}
}

static int draw(struct machine *m, int result)
{
	struct stages *s = container_of(m, struct stages, machine);
	_cleanup_buf_ struct buf out = BUF_NULL, erase = BUF_NULL;
	(void)result;
	if (s->term.tty && !s->json)
		draw_terminal(s, m->reactor->now, &out);
	else
		draw_lines(s, m->reactor->now, &out);
	/* Erase the lines that other code draws in place on this terminal. It draws them again later. */
	if (s->shared && out.len) {
		term_frame_erase(&(struct term_frame){ .drawn = true }, &erase);
		output_buf(&standard_error, &erase);
	}
	output_buf(s->json ? &standard_output : &standard_error, &out);
	if (s->batch->ended)
		return MACHINE_END;
	/* Start with short intervals: cached kernels finish at once, and their lines should appear without delay. */
	machine_sleep(m, MIN_OF(PERIOD, (5 * NSEC_PER_MSEC) << MIN_OF(s->turns++, 10)));
	return 0;
}

static const struct machine_state states[] = {
	{ .name = "stages", .run = draw, .next = TO(0) | TO_END, .shielded = true },
};
static const struct machine_type type = { "stages", states, 1, NULL };

void stages_start(struct reactor *r, struct stages *s, const struct kernel_batch *batch, bool json, bool lines)
{
	*s = (struct stages){ .batch = batch, .term = term_probe(STDERR_FILENO), .json = json };
	s->shared = s->term.tty && lines;
	s->term.tty = s->term.tty && !lines;
	machine_start(r, &s->machine, &type, NULL, "stages");
}
