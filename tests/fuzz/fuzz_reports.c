/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From hostile evidence to everything that is written about it: event, sidecar, lines, failure report, live view. The
 * texts must be clean, the JSON must parse without gaps, and no finding and no cgroup may be lost.
 */
#include "base/json.h"
#include "base/text.h"
#include "fuzz.h"
#include "report/closing.h"
#include "report/events.h"
#include "report/failure.h"
#include "report/live.h"
#include "report/payload_lines.h"
#include "report/sidecar.h"

#define REPORT_BYTES_MAX 262144

#define MUST(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

/* The evidence that the host saw, and the name of the test. */
enum { CONSOLE = 0x80, STDERR_TEXT, DIAGNOSIS, FAILURE, CONTENTION, DAMAGE, NAME, HOST_TEXTS_END };

struct input {
	struct evidence evidence;
	struct buf name;
	uint8_t flags;
};

static void take_host_text(struct input *in, unsigned kind, const char *text, size_t len)
{
	struct evidence *e = &in->evidence;
	struct buf *const to[] = { &e->console,	   &e->stderr_text, &e->diagnosis, &e->failure,
				   &e->contention, &e->damage,	    &in->name };
	if (kind < HOST_TEXTS_END)
		text_append(to[kind - CONSOLE], text, len);
}

static void read_input(const uint8_t *data, size_t size, struct input *in)
{
	in->flags = data[0];
	for (size_t at = 1; at + 3 <= size;) {
		unsigned kind = data[at];
		size_t len = MIN_OF((size_t)(data[at + 1] | data[at + 2] << 8), size - at - 3);
		/* A separate copy, so that the sanitizer finds reads beyond its end. */
		char *copy = malloc(len + 1);
		memcpy(copy, data + at + 3, len);
		if (kind > 0 && kind < WIRE_TYPE_MAX)
			evidence_take(&in->evidence, (enum wire_type)kind, at, copy, (uint32_t)len, NULL);
		else if (kind >= CONSOLE)
			take_host_text(in, kind, copy, len);
		free(copy);
		at += 3 + len;
	}
	in->evidence.machine_died = in->flags & 16;
	in->evidence.interrupted = in->flags & 32;
}

/* The printed form of @value (takes ownership), parsed again. */
static json_t *printed(json_t *value)
{
	struct buf text = BUF_NULL;
	MUST(value);
	json_print(value, false, &text);
	MUST(!text.failed && text.len > 3);
	MUST(text_is_clean(text.data, text.len, false));
	json_t *again = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
	MUST(again && json_equal(again, value));
	json_decref(value);
	buf_done(&text);
	return again;
}

static void check_text(const struct buf *text)
{
	MUST(!text->failed && text->len > 0 && text->len <= REPORT_BYTES_MAX);
	MUST(text_is_clean(text->data, text->len, false));
}

static void check_json(const struct result *r)
{
	const struct judgement *j = r->judgement;
	json_t *event = printed(event_json(r)), *sidecar = printed(sidecar_json(r));
	const char *verdict = verdict_name(j->verdict);
	MUST(!strcmp(json_string_value(json_object_get(event, "verdict")), verdict));
	MUST(!strcmp(json_string_value(json_object_get(sidecar, "verdict")), verdict));
	MUST(json_is_string(json_object_get(event, "cause")) || j->verdict == KTSTR_PASS);
	MUST(json_array_size(json_object_get(sidecar, "details")) == j->details);
	MUST(json_array_size(json_object_get(sidecar, "metrics")) == r->evidence->payload_count);
	MUST(json_array_size(json_object_get(sidecar, "work_metrics")) == r->evidence->metric_count);
	MUST(json_array_size(json_object_get(sidecar, "measured")) <= r->evidence->payload_metric_count);
	MUST(json_array_size(json_object_get(json_object_get(sidecar, "stats"), "cgroups")) == j->stats.cgroups);
	MUST(json_array_size(json_object_get(json_object_get(sidecar, "flake"), "tries")) == r->history->count);
	json_decref(event);
	json_decref(sidecar);
}

static size_t count_lines(const struct buf *text)
{
	size_t lines = 0;
	for (size_t i = 0; i < text->len; i++)
		lines += text->data[i] == '\n';
	return lines;
}

static void check_lines(const struct result *r)
{
	const struct term plain = { .columns = 60, .rows = 24 };
	const struct event_layout layout = { .name = 20, .topology = 10 };
	struct closing closing = { 0 };
	struct buf line = BUF_NULL, report = BUF_NULL, live = BUF_NULL, end = BUF_NULL;
	struct live_view v = { .total = 1, .running = 1, .rows = 1, .row = { { r->name, "running", 1, 2 } } };
	event_line(r, &layout, &plain, &line);
	payload_lines(r, &plain, &line);
	check_text(&line);
	/* The result, its cause, each payload. */
	MUST(count_lines(&line) == 1 + (r->judgement->verdict != KTSTR_PASS) + r->evidence->payload_count);
	const struct term narrow = { .tty = true, .columns = 30, .rows = 24 };
	event_line(r, &layout, &narrow, &line);
	check_text(&line);
	closing_add(&closing, r, r->judgement->verdict);
	closing_render(&closing, 2, &plain, &end);
	if (closing.count)
		check_text(&end);
	closing_done(&closing);
	failure_report(r, &plain, &report);
	check_text(&report);
	live_render(&v, &plain, &live);
	check_text(&live);
	MUST(count_lines(&live) == 3 && live.data[live.len - 1] == '\n');
	buf_done(&line);
	buf_done(&report);
	buf_done(&live);
	buf_done(&end);
}

/* A finding of the guest that fails the test fails it, however many other findings there are. */
static void check_verdict(const struct evidence *e, const struct judgement *j)
{
	for (uint32_t i = 0; i < e->detail_count; i++)
		MUST(verdict_rank(j->verdict) >= verdict_rank((enum ktstr_verdict)e->detail[i].verdict));
	for (uint32_t i = 0; i < j->details; i++)
		MUST(text_is_clean(j->detail[i].text, strlen(j->detail[i].text), true));
	MUST(j->verdict == KTSTR_PASS || judgement_cause(j));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	struct input in = { 0 };
	struct judgement j = { 0 };
	struct flake_history history = { 0 };
	struct flake_policy policy = { .retries = (data[0] & 3) };
	read_input(data, size, &in);
	struct judge_facts facts = { .has_scheduler = in.flags & 8,
				     .scheduler = "x",
				     .file = "a.c",
				     .line = 3,
				     .limits = thresholds_merge(false, &(struct ktstr_checks){ 0 },
								&(struct ktstr_checks){ 0 }) };
	char *name = text_clean_line(buf_str(&in.name));
	MUST(judge(&in.evidence, &facts, &j) == 0);
	check_verdict(&in.evidence, &j);
	MUST(flake_note(&history, 1, 7, &j) == 0);
	struct result r = { .name = name,
			    .test = name,
			    .topology = "1n1l1c1t",
			    .accel = "tcg",
			    .replay = "ktstr test",
			    .attempt = 1,
			    .history = &history,
			    .policy = policy,
			    .evidence = &in.evidence,
			    .outcome = flake_fold(&policy, &history, in.flags & 32),
			    .judgement = &j };
	check_json(&r);
	check_lines(&r);
	free(name);
	flake_done(&history);
	judgement_done(&j);
	evidence_done(&in.evidence);
	buf_done(&in.name);
	return 0;
}
