/* SPDX-License-Identifier: GPL-2.0-only */
/* monitor.c -- see monitor.h. */
#include "report/monitor.h"

#include <string.h>

#include "base/json.h"
#include "monitor/series.h"

#define HZ_UNKNOWN 250 /* only matters where the time of vCPU threads is known */

/* Counters of sched_ext with shorter names in results. */
static const struct {
	const char *event, *total, *rate, *burst;
} short_names[] = {
	{ "select_cpu_fallback", "total_fallback", "fallback_rate", "max_fallback_burst" },
	{ "dispatch_local_dsq_offline", "total_dispatch_offline", NULL, NULL },
	{ "dispatch_keep_last", "total_dispatch_keep_last", "keep_last_rate", NULL },
};

static void put_event(json_t **o, const char *name, const struct summary *s, unsigned event)
{
	char total[80];
	for (size_t i = 0; i < ARRAY_SIZE(short_names); i++) {
		if (strcmp(short_names[i].event, name))
			continue;
		json_put_int(o, short_names[i].total, s->event_delta[event]);
		if (short_names[i].rate)
			json_put_number(o, short_names[i].rate, s->event_rate[event]);
		if (short_names[i].burst)
			json_put_int(o, short_names[i].burst, s->event_burst[event]);
		return;
	}
	snprintf(total, sizeof(total), "total_%s", name);
	json_put_int(o, total, s->event_delta[event]);
}

static json_t *events_json(const struct result *r, const struct summary *s)
{
	if (!s->has_events)
		return json_null();
	json_t *o = json_object();
	for (unsigned i = 0; i < s->events; i++)
		put_event(&o, sampler_event_name(r->sampler, i), s, i);
	return o;
}

/* Samples from the test's first step to its end. */
static unsigned test_window(const struct result *r, unsigned *ret_first)
{
	const struct evidence *e = r->evidence;
	uint64_t from = e->phase_count ? e->phase[0].time_ns : UINT64_MAX;
	return series_window(r->series, from, e->last_ns, ret_first);
}

json_t *monitor_json(const struct result *r)
{
	struct summary s;
	unsigned first, count = r->series ? test_window(r, &first) : 0;
	if (!count)
		return json_null();
	unsigned warm_up = summary_warm_up(count);
	summary_of(r->series->reading + first + warm_up, count - warm_up, HZ_UNKNOWN, &s);
	json_t *o = json_object();
	json_put_u64(&o, "total_samples", count);
	json_put_u64(&o, "warm_up_samples", warm_up);
	json_put_text(&o, "unusable", summary_unusable(r->series->reading + first + warm_up, count - warm_up));
	json_put_number(&o, "max_imbalance_ratio", s.max_imbalance);
	json_put_number(&o, "avg_imbalance_ratio", s.avg_imbalance);
	json_put_number(&o, "max_local_dsq_depth", s.max_dsq_depth);
	json_put_number(&o, "avg_local_dsq_depth", s.avg_dsq_depth);
	json_put_number(&o, "avg_nr_running", s.avg_nr_running);
	json_put_bool(&o, "stall_detected", s.stall_detected);
	json_put(&o, "event_deltas", events_json(r, &s));
	return o;
}

json_t *verifier_stats_json(const struct result *r)
{
	json_t *list = json_array();
	for (unsigned i = 0; r->series && i < r->series->programs; i++) {
		json_t *o = json_object();
		json_put_text(&o, "name", r->series->program[i].name);
		json_put_u64(&o, "verified_insns", r->series->program[i].verified_insns);
		json_add(&list, o);
	}
	return list;
}
