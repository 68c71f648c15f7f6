/* SPDX-License-Identifier: GPL-2.0-only */
/* ctx.c -- see ctx.h. */
#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "guest/ctx.h"
#include "guest/inherit.h"
#include "guest/mark.h"

struct ktstr_topology ktstr_ctx_topology(const struct ktstr_ctx *t)
{
	return test_topology(t->test);
}

unsigned ktstr_ctx_cpus(const struct ktstr_ctx *t)
{
	return t->topology->cpus;
}

uint64_t ktstr_ctx_duration_ns(const struct ktstr_ctx *t)
{
	return (uint64_t)t->duration;
}

uint64_t ktstr_ctx_seed(const struct ktstr_ctx *t)
{
	return t->seed;
}

int ktstr_ctx_scheduler_pid(const struct ktstr_ctx *t)
{
	return t->scheduler_pid;
}

void ktstr_measured(struct ktstr_ctx *t, const char *name, double value, const char *unit)
{
	struct wire_payload_metric m = { .payload = WIRE_TEST_ITSELF,
					 .stream = WIRE_METRIC_SYNTHESIZED,
					 .value = value };
	if (t->dry || !__builtin_isfinite(value))
		return;
	text_copy_line(m.name, sizeof(m.name), name, strlen(name));
	text_copy_line(m.unit, sizeof(m.unit), unit, strlen(unit));
	channel_send(&t->channel, WIRE_PAYLOAD_METRIC, &m, sizeof(m), NULL, 0);
}

static int send_detail(struct ktstr_ctx *t, const struct wire_detail *head, const char *fmt, va_list ap)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	buf_vappendf(&text, fmt, ap);
	if (t->dry)
		return 0;
	return channel_detail(&t->channel, head, text.failed ? fmt : buf_str(&text));
}

void ctx_detail(struct ktstr_ctx *t, enum ktstr_verdict verdict, const char *fmt, ...)
{
	struct wire_detail head = { .verdict = verdict };
	va_list ap;
	va_start(ap, fmt);
	send_detail(t, &head, fmt, ap);
	va_end(ap);
}

int ktstr_expect(struct ktstr_ctx *t, int ok, const char *fmt, ...)
{
	if (ok || t->dry)
		return ok;
	struct wire_detail head = { .verdict = KTSTR_FAIL, .expectation = 1 };
	va_list ap;
	va_start(ap, fmt);
	t->expectations->failed = true;
	if (send_detail(t, &head, fmt, ap) < 0)
		t->expectations->unsent = true;
	va_end(ap);
	return ok;
}

void ktstr_capture(struct ktstr_ctx *t, const char *name)
{
	const char *problem = mark_name_problem(name);
	if (ktstr_expect(t, !problem, "the snapshot '%s' %s", name, problem ? problem : "") && !t->dry)
		mark(WIRE_MARK_CAPTURE, name, t->steps_run);
}

enum ktstr_verdict ktstr_skip(struct ktstr_ctx *t, const char *fmt, ...)
{
	struct wire_detail head = { .verdict = KTSTR_SKIP };
	va_list ap;
	va_start(ap, fmt);
	send_detail(t, &head, fmt, ap);
	va_end(ap);
	return KTSTR_SKIP;
}

void ctx_phase(struct ktstr_ctx *t, enum wire_phase_kind kind, uint32_t index, const char *name)
{
	struct wire_phase phase = { .kind = kind, .index = index };
	text_copy_line(phase.name, sizeof(phase.name), name, strlen(name));
	channel_send(&t->channel, WIRE_PHASE, &phase, sizeof(phase), NULL, 0);
}
