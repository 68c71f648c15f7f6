/* SPDX-License-Identifier: GPL-2.0-only */
/* judge.c -- see judge.h. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/tap.h"
#include "base/text.h"
#include "guest/payload/judge.h"
#include "guest/payload/metrics.h"
#include "guest/reap.h"
#include "guest/verdict.h"

#define TAIL_BYTES 2048 /* of a stream, shown when a run fails */

/* --- the verdict -------------------------------------------------------------------------------------------------- */

static void add_finding(struct payload *p, enum ktstr_verdict v, struct buf *why, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
static void add_finding(struct payload *p, enum ktstr_verdict v, struct buf *why, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_appendf(why, "payload '%s' ", p->decl->name);
	buf_vappendf(why, fmt, ap);
	buf_puts(why, "\n");
	va_end(ap);
	p->verdict = verdict_worse(p->verdict, v);
}

/*
 * Judges the end of the process. False if the process failed to start or ended abnormally; other checks are then
 * skipped.
 */
static bool weigh_end(struct payload *p, struct buf *why)
{
	char text[TIME_TEXT_MAX];
	if (p->start_error)
		add_finding(p, KTSTR_FAIL, why, "could not be started: '/include-files/%s': %s",
			    strrchr(p->decl->binary, '/') ? strrchr(p->decl->binary, '/') + 1 : p->decl->binary,
			    strerror(-p->start_error));
	else if (p->flooded)
		add_finding(p, KTSTR_FAIL, why, "printed more than %zu MiB and was killed", PAYLOAD_OUTPUT_MAX >> 20);
	else if (p->timed_out)
		add_finding(p, KTSTR_FAIL, why, "did not end within %s and was killed",
			    nsec_format(p->ended - p->started, text));
	else if (!p->killed && WIFSIGNALED(p->status))
		add_finding(p, KTSTR_FAIL, why, "was killed by SIG%s", sigabbrev_np(WTERMSIG(p->status)) ?: "?");
	else if (!p->killed && p->status == REAP_STATUS_LOST)
		add_finding(p, KTSTR_INCONCLUSIVE, why,
			    "ended, but its exit status is lost: the test's body ignores SIGCHLD or waits for all "
			    "children");
	else
		return true;
	return false;
}

static void weigh_exit(struct payload *p, struct buf *why)
{
	const struct ktstr_payload_check *const lists[] = { p->decl->checks, p->more_checks };
	unsigned wanted = 0, status = (unsigned)WEXITSTATUS(p->status);
	for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
		for (const struct ktstr_payload_check *c = lists[k]; c && c->kind != KTSTR_PAYLOAD_CHECK_MAX; c++)
			if (c->kind == KTSTR_CHECK_EXIT_CODE)
				wanted = c->code;
	if (!p->killed && status != wanted)
		add_finding(p, KTSTR_FAIL, why, "exited with status %u, not %u", status, wanted);
	if (p->stragglers && !p->killed)
		add_finding(p, KTSTR_FAIL, why, "left %u process%s behind, which had to be killed", p->stragglers,
			    p->stragglers == 1 ? "" : "es");
}

/* In the guest, the metrics that a language model is to find are not known yet. */
static bool is_due(const struct payload *p, const struct ktstr_payload_check *c)
{
	bool wall = c->metric && !strcmp(c->metric, KTSTR_WALL_TIME);
	return c->kind != KTSTR_CHECK_EXIT_CODE && (p->decl->output != KTSTR_OUTPUT_LLM || p->is_reply != wall);
}

static void weigh_check(struct payload *p, const struct ktstr_payload_check *c, struct buf *why)
{
	const struct ktstr_metric wall = { KTSTR_WALL_TIME, (double)(p->ended - p->started) };
	const struct ktstr_metric *m = payload_find_metric(p, c->metric);
	if (!m && !strcmp(c->metric, wall.name))
		m = &wall;
	if (!m)
		add_finding(p, p->killed ? KTSTR_INCONCLUSIVE : KTSTR_FAIL, why, "metric '%s' not found%s", c->metric,
			    p->killed ? " in what it printed until it was ended" : "");
	else if (!payload_metric_is_unique(p, m))
		add_finding(p, KTSTR_FAIL, why, "printed more than one number for metric '%s'", c->metric);
	else if (c->kind == KTSTR_CHECK_MIN && m->value < c->low)
		add_finding(p, KTSTR_FAIL, why, "metric '%s' is %g, less than %g", c->metric, m->value, c->low);
	else if (c->kind == KTSTR_CHECK_MAX && m->value > c->high)
		add_finding(p, KTSTR_FAIL, why, "metric '%s' is %g, more than %g", c->metric, m->value, c->high);
	else if (c->kind == KTSTR_CHECK_RANGE && (m->value < c->low || m->value > c->high))
		add_finding(p, KTSTR_FAIL, why, "metric '%s' is %g, not in %g..%g", c->metric, m->value, c->low,
			    c->high);
}

static void weigh_checks(struct payload *p, const struct ktstr_payload_check *list, struct buf *why)
{
	for (const struct ktstr_payload_check *c = list; c && c->kind != KTSTR_PAYLOAD_CHECK_MAX; c++)
		if (is_due(p, c))
			weigh_check(p, c, why);
}

/* Judges what a program says about its results as a whole. True if it stopped early or gave not the planned number. */
static bool weigh_tap_end(struct payload *p, const struct tap_count *c, unsigned results, struct buf *why)
{
	const char *wanted = p->decl->tap_test;
	if (c->bailed_out && (!wanted || !results)) {
		add_finding(p, KTSTR_FAIL, why, "stopped early and says 'Bail out!%s%s'", c->bail_reason[0] ? " " : "",
			    c->bail_reason);
		return true;
	}
	if (wanted || !c->has_plan || c->planned == results)
		return false;
	add_finding(p, p->killed ? KTSTR_INCONCLUSIVE : KTSTR_FAIL, why, "planned %" PRIu64 " result%s and gave %u%s",
		    c->planned, plural(c->planned), results, p->killed ? " until it was ended" : "");
	return true;
}

static void weigh_tap(struct payload *p, struct buf *why)
{
	const struct buf *out = &p->text[p->text[PAYLOAD_STDOUT].len ? PAYLOAD_STDOUT : PAYLOAD_STDERR];
	const char *wanted = p->decl->tap_test;
	struct tap_count c;
	tap_read(buf_str(out), out->len, wanted, &c);
	unsigned results = c.passed + c.failed + c.skipped;
	p->stream = WIRE_METRIC_SYNTHESIZED;
	payload_add_metric(p, "passed", c.passed);
	payload_add_metric(p, "failed", c.failed);
	payload_add_metric(p, "skipped", c.skipped);
	if (c.failed)
		add_finding(p, KTSTR_FAIL, why, "says 'not ok%s%s'", c.said[0] ? " " : "", c.said);
	if (weigh_tap_end(p, &c, results, why) || c.passed || c.failed)
		return;
	if (!results && !(c.has_plan && !c.planned))
		add_finding(p, p->killed ? KTSTR_INCONCLUSIVE : KTSTR_FAIL, why, "gave no result%s%s%s",
			    wanted ? " for '" : "", wanted ? wanted : "", wanted ? "'" : "");
	else
		add_finding(p, KTSTR_SKIP, why, "was skipped: %s", c.said[0] ? c.said : "it planned no test");
}

static const char *unreadable_output(const struct payload *p, int r)
{
	if (p->decl->output == KTSTR_OUTPUT_TEXT)
		return "printed no line that one of its patterns matches";
	if (r == -ENOTUNIQ)
		return "printed JSON in which an object has the same key twice";
	return r == -EBADMSG ? "printed broken JSON" : "printed no JSON";
}

enum ktstr_verdict payload_weigh(struct payload *p, struct buf *why)
{
	int r = 0;
	const char *bad = NULL;
	p->verdict = KTSTR_PASS;
	bool ended_well = weigh_end(p, why);
	if (ended_well)
		weigh_exit(p, why);
	if (p->decl->output == KTSTR_OUTPUT_JSON && !p->start_error)
		r = payload_read_json(p);
	else if (p->decl->output == KTSTR_OUTPUT_TEXT && !p->start_error)
		r = payload_read_text(p, &bad);
	if (!ended_well)
		return p->verdict;
	if (p->decl->output == KTSTR_OUTPUT_TAP)
		weigh_tap(p, why);
	if (bad)
		add_finding(p, KTSTR_FAIL, why, "metric '%s': what its pattern matches is not a number", bad);
	if (p->decl->output == KTSTR_OUTPUT_LLM && !p->killed && !p->text[PAYLOAD_STDOUT].len &&
	    !p->text[PAYLOAD_STDERR].len)
		add_finding(p, KTSTR_FAIL, why, "printed nothing");
	if (r < 0 && !p->killed && p->verdict != KTSTR_FAIL)
		add_finding(p, KTSTR_FAIL, why, "%s", unreadable_output(p, r));
	else if (r == 0 || p->killed) {
		weigh_checks(p, p->decl->checks, why);
		weigh_checks(p, p->more_checks, why);
	}
	return p->verdict;
}

void payload_weigh_reply(struct payload *p, struct buf *why)
{
	p->verdict = KTSTR_PASS;
	p->is_reply = true;
	payload_read_json(p);
	weigh_checks(p, p->decl->checks, why);
}

/* --- records ------------------------------------------------------------------------------------------------------ */

static enum wire_payload_end end_of(const struct payload *p)
{
	return p->start_error ? WIRE_PAYLOAD_NOT_STARTED
	       : p->flooded   ? WIRE_PAYLOAD_FLOODED
	       : p->timed_out ? WIRE_PAYLOAD_TIMED_OUT
	       : p->killed    ? WIRE_PAYLOAD_KILLED
			      : WIRE_PAYLOAD_EXITED;
}

static void send_metric(struct channel *to, const struct payload *p, const struct ktstr_metric *m)
{
	struct wire_payload_metric wire = { .payload = p->index,
					    .source = (uint8_t)p->decl->output,
					    .stream = (uint16_t)p->stream,
					    .value = m->value };
	const struct ktstr_metric_hint *h = p->decl->metrics;
	while (h && h->name && strcmp(h->name, m->name))
		h++;
	if (h && h->name) {
		wire.polarity = (uint8_t)h->polarity;
		wire.target = h->target;
		snprintf(wire.unit, sizeof(wire.unit), "%s", h->unit ? h->unit : "");
	}
	snprintf(wire.name, sizeof(wire.name), "%s", m->name);
	channel_send(to, WIRE_PAYLOAD_METRIC, &wire, sizeof(wire), NULL, 0);
}

/* The end of a stream, which is where programs print their results, from the begin of a line. */
static void send_text(struct channel *to, const struct payload *p, enum payload_stream stream)
{
	const struct buf *text = &p->text[stream];
	size_t len = MIN_OF(text->len, (size_t)WIRE_OUTPUT_MAX);
	const char *from = text->data + text->len - len, *line = len < text->len ? memchr(from, '\n', len - 1) : NULL;
	struct wire_payload_text head = { .payload = p->index, .cut = len < text->len };
	head.stream = stream == PAYLOAD_STDOUT ? WIRE_METRIC_STDOUT : WIRE_METRIC_STDERR;
	if (!len)
		return;
	len -= line ? (size_t)(line + 1 - from) : 0;
	channel_send(to, WIRE_PAYLOAD_TEXT, &head, sizeof(head), line ? line + 1 : from, len);
}

static void show_tail(const struct payload *p, enum payload_stream stream, const char *name)
{
	const struct buf *text = &p->text[stream];
	size_t len = MIN_OF(text->len, (size_t)TAIL_BYTES);
	if (!len)
		return;
	printf("--- payload '%s', %s%s ---\n", p->decl->name, len < text->len ? "the end of its " : "", name);
	fwrite(text->data + text->len - len, 1, len, stdout);
	if (text->data[text->len - 1] != '\n')
		putchar('\n');
}

void payload_send(struct channel *to, const struct payload *p)
{
	struct wire_payload wire = {
		.index = p->index,
		.metrics = p->metrics,
		.end = end_of(p),
		.verdict = (uint32_t)p->verdict,
		.status = p->start_error ? -p->start_error : p->status,
		.truncated = p->truncated,
		.wall_ns = (uint64_t)(p->ended - p->started),
	};
	snprintf(wire.name, sizeof(wire.name), "%s", p->decl->name);
	snprintf(wire.cgroup, sizeof(wire.cgroup), "%s", p->cgroup);
	channel_send(to, WIRE_PAYLOAD, &wire, sizeof(wire), NULL, 0);
	for (unsigned i = 0; i < p->metrics; i++)
		send_metric(to, p, &p->metric[i]);
}

enum ktstr_verdict payload_judge(struct ktstr_ctx *t, struct payload *p)
{
	_cleanup_buf_ struct buf why = BUF_NULL;
	char *save = NULL;
	p->judged = true;
	payload_weigh(p, &why);
	payload_send(&t->channel, p);
	bool asks = p->decl->output == KTSTR_OUTPUT_LLM && p->verdict == KTSTR_PASS;
	for (int s = 0; asks && s < PAYLOAD_STREAMS; s++)
		send_text(&t->channel, p, (enum payload_stream)s);
	if (p->verdict == KTSTR_PASS)
		return p->verdict;
	for (char *line = strtok_r(why.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		ctx_detail(t, p->verdict, "%s", line);
	show_tail(p, PAYLOAD_STDOUT, "standard output");
	show_tail(p, PAYLOAD_STDERR, "error output");
	fflush(stdout);
	return p->verdict;
}
