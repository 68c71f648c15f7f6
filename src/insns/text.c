/* SPDX-License-Identifier: GPL-2.0-only */
/* text.c -- see insns.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "insns/insns.h"

static double percent(uint64_t part, uint64_t all)
{
	return all ? 100 * (double)part / (double)all : 0;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static const char *const event_words[INSNS_EVENTS] = {
	[INSNS_SWITCH] = "switch of tasks",
	[INSNS_WAKEUP] = "wake-up",
	[INSNS_TICK] = "tick",
};

static void put_event(const struct insns_sum *e, const char *word, uint64_t kernel, struct buf *out)
{
	buf_appendf(out, "  %-28s %14lu %5.1f %% %10lu %12.1f\n", word, e->total, percent(e->total, kernel), e->calls,
		    insns_per_call(e));
}

static void put_events(const struct insns_sums *s, struct buf *out)
{
	buf_appendf(out, "\n  %-28s %14s %7s %10s %12s\n", "what", "instructions", "share", "number", "each");
	for (unsigned i = 0; i < INSNS_EVENTS; i++)
		put_event(&s->event[i], event_words[i], s->kernel, out);
	if (s->callbacks)
		buf_appendf(out, "\n  %-28s %14s %7s %10s %12s\n", "program", "instructions", "share", "calls", "each");
	for (uint32_t i = 0; i < s->callbacks; i++)
		put_event(&s->callback[i], s->callback[i].name, s->kernel, out);
}

static void put_functions(const struct insns_sums *s, uint32_t most, struct buf *out)
{
	uint32_t count = most && most < s->functions ? most : s->functions;
	uint64_t rest = 0;
	buf_appendf(out, "\n  %14s %7s %10s %14s  %s\n", "own", "share", "calls", "with callees", "function");
	for (uint32_t i = 0; i < count; i++) {
		const struct insns_sum *f = &s->function[i];
		buf_appendf(out, "  %14lu %5.1f %% %10lu %14lu  %s\n", f->own, percent(f->own, s->kernel), f->calls,
			    f->total, f->name);
	}
	for (uint32_t i = count; i < s->functions; i++)
		rest += s->function[i].own;
	if (count < s->functions)
		buf_appendf(out, "  %14lu %5.1f %% %10s %14s  %u other function%s\n", rest, percent(rest, s->kernel),
			    "", "", s->functions - count, plural(s->functions - count));
}

void insns_table(const struct insns *p, const struct insns_sums *s, uint32_t most, struct buf *out)
{
	buf_appendf(out, "%s %s, kernel %s, seed %lu, phase %s: %lu instructions in the kernel, %lu in user space\n",
		    p->test, p->topology, p->kernel, p->seed, insns_phase_names[s->phase], s->kernel, s->user);
	if (p->lost)
		buf_appendf(out, "note: call paths were too many; %lu instructions count for functions that called\n",
			    p->lost);
	put_events(s, out);
	put_functions(s, most, out);
}

/* --- as data ------------------------------------------------------------------------------------------------------ */

static json_t *sum_json(const struct insns_sum *s, bool named)
{
	json_t *o = json_object();
	if (named)
		json_put_text(&o, "name", s->name);
	json_put_u64(&o, "instructions", s->own);
	json_put_u64(&o, "total", s->total);
	json_put_u64(&o, "calls", s->calls);
	json_put_number(&o, "per_call", insns_per_call(s));
	return o;
}

static json_t *list_json(const struct insns_sum *s, uint32_t count)
{
	json_t *a = json_array();
	for (uint32_t i = 0; i < count; i++)
		json_add(&a, sum_json(&s[i], true));
	return a;
}

json_t *insns_sums_json(const struct insns *p, const struct insns_sums *s)
{
	json_t *o = json_object(), *events = json_object();
	for (unsigned i = 0; i < INSNS_EVENTS; i++)
		json_put(&events, insns_event_names[i], sum_json(&s->event[i], false));
	json_put_text(&o, "test", p->test);
	json_put_text(&o, "topology", p->topology);
	json_put_text(&o, "kernel", p->kernel);
	json_put_u64(&o, "seed", p->seed);
	json_put_text(&o, "phase", insns_phase_names[s->phase]);
	json_put_u64(&o, "kernel_instructions", s->kernel);
	json_put_u64(&o, "user_instructions", s->user);
	json_put_u64(&o, "lost", p->lost);
	json_put(&o, "per", events);
	json_put(&o, "callbacks", list_json(s->callback, s->callbacks));
	json_put(&o, "functions", list_json(s->function, s->functions));
	return o;
}

/* --- as metrics of a result --------------------------------------------------------------------------------------- */

static const char *const metric_names[INSNS_EVENTS] = {
	[INSNS_SWITCH] = "insns_per_switch",
	[INSNS_WAKEUP] = "insns_per_wakeup",
	[INSNS_TICK] = "insns_per_tick",
};

json_t *insns_metrics(const struct insns *p)
{
	json_t *o = json_object();
	struct insns_sums s;
	if (!p->has[INSNS_HOLD])
		return o;
	if (insns_sum_up(p, INSNS_HOLD, &s) < 0) {
		json_decref(o);
		return NULL;
	}
	for (unsigned i = 0; i < INSNS_EVENTS; i++)
		if (s.event[i].calls)
			json_put_number(&o, metric_names[i], insns_per_call(&s.event[i]));
	for (uint32_t i = 0; i < s.callbacks; i++) {
		char key[256];
		snprintf(key, sizeof(key), "insns_per_call.%s", s.callback[i].name + strlen(INSNS_PROGRAM));
		json_put_number(&o, key, insns_per_call(&s.callback[i]));
	}
	insns_sums_done(&s);
	return o;
}

/* --- stacks for flame graphs -------------------------------------------------------------------------------------- */

static void put_path(const struct insns *p, uint32_t path, struct buf *out)
{
	uint32_t at[INSNS_DEPTH_MAX];
	unsigned depth = 0;
	for (; path && depth < INSNS_DEPTH_MAX; path = p->path[path].caller)
		at[depth++] = path;
	if (!depth)
		buf_puts(out, INSNS_UNKNOWN);
	while (depth--)
		buf_appendf(out, "%s%s", p->function[p->path[at[depth]].function], depth ? ";" : "");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int insns_collapsed(const struct insns *p, enum insns_phase phase, struct buf *out)
{
	_cleanup_free_ char **line = calloc(p->paths + 1, sizeof(*line));
	size_t lines = 0;
	bool failed = !line;
	for (uint32_t i = 0; i < p->paths && !failed; i++) {
		struct buf text = BUF_NULL;
		if (!p->path[i].in[phase].instructions)
			continue;
		put_path(p, i, &text);
		buf_appendf(&text, " %lu\n", p->path[i].in[phase].instructions);
		failed = text.failed || !(line[lines] = buf_steal(&text));
		lines += !failed;
		buf_done(&text);
	}
	if (!failed)
		qsort(line, lines, sizeof(*line), by_text);
	for (size_t i = 0; i < lines; i++) {
		buf_puts(out, line[i]);
		free(line[i]);
	}
	return failed || out->failed ? -ENOMEM : 0;
}
