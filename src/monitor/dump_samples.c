/* SPDX-License-Identifier: GPL-2.0-only */
/* dump_samples.c -- see dump_samples.h. */
#include "monitor/dump_samples.h"

#include <string.h>

#include "base/text.h"
#include "base/time.h"

#define TIME_KEY "elapsed_ms"

/* --- JSON --------------------------------------------------------------------------------------------------------- */

json_t *dump_sample(struct inspector *in, const struct sampler *sampler, const char **why)
{
	struct sample sample = { 0 };
	json_t *json = NULL;
	*why = sampler ? "the CPUs are not set up yet" : "no samples are taken of this guest";
	if (sampler && sample_take(sampler, in->view, SAMPLE_ALL, in->clock_ns, "/", &sample) == 0)
		json = sample_to_json(sampler, &sample);
	sample_done(&sample);
	return json;
}

static json_t *timeline_row(const struct series *s, const struct reading *r)
{
	json_t *row = json_object();
	json_put_u64(&row, TIME_KEY, r->at_ns / NSEC_PER_MSEC);
	for (unsigned i = 0; i < r->events && i < s->events; i++)
		json_put_int(&row, s->event_name[i], r->event[i]);
	return row;
}

json_t *dump_timeline(const struct series *series, const char **why)
{
	*why = !series || !series->count ? "no samples were taken" : "this kernel does not count events of sched_ext";
	if (!series || !series->events)
		return NULL;
	*why = "no scheduler of sched_ext was there";
	json_t *rows = json_array();
	unsigned first = series->count > TIMELINE_ROWS_MAX ? series->count - TIMELINE_ROWS_MAX : 0;
	for (unsigned i = first; i < series->count; i++)
		if (series->reading[i].has_events)
			json_add(&rows, timeline_row(series, &series->reading[i]));
	return rows;
}

/* --- text --------------------------------------------------------------------------------------------------------- */

void dump_pressure_text(const json_t *sample, struct buf *out)
{
	const char *key;
	json_t *row;
	bool any = false;
	json_object_foreach(json_object_get(sample, "psi"), key, row) {
		double share = json_number_value(json_object_get(row, "avg10"));
		if (share < 0.005)
			continue;
		buf_puts(out, any ? ", " : "pressure in the last 10 s: ");
		text_append_line(out, key, strlen(key));
		buf_appendf(out, " %.2f %%", share);
		any = true;
	}
	if (any)
		buf_puts(out, "\n");
}

/* Counters that are 0 say nothing. */
void dump_timeline_text(const json_t *timeline, struct buf *out)
{
	size_t rows = json_array_size(timeline);
	const json_t *last = json_array_get(timeline, rows - 1),
		     *before = json_array_get(timeline, rows > 1 ? rows - 2 : 0);
	const char *key;
	json_t *value;
	if (!rows)
		return;
	buf_puts(out, "\n--- events of sched_ext ---\n");
	json_object_foreach((json_t *)last, key, value) {
		long long now = json_integer_value(value);
		if (!strcmp(key, TIME_KEY) || !now)
			continue;
		text_append_line(out, key, strlen(key));
		buf_appendf(out, " %lld, %+lld since the sample before\n", now,
			    now - (long long)json_integer_value(json_object_get(before, key)));
	}
}
