/* SPDX-License-Identifier: GPL-2.0-only */
/* monitor.c -- see monitor.h. */
#include "bpflog/load_log.h"
#include "report/monitor.h"

#include <string.h>

#include "base/json.h"
#include "verdict/monitor_checks.h"

#define ISOLATED_DILATION_MAX 1.5

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
		put_event(&o, r->evidence->series->event_name[i], s, i);
	return o;
}

static const char *const schedstat_names[] = {
#define X(name) #name,
	SUMMARY_SCHEDSTATS(X)
#undef X
};

static void put_schedstat_rate(json_t **o, const char *name, const struct summary *s, enum schedstat which)
{
	bool has = s->has_schedstat >> which & 1;
	json_put(o, name, has ? json_number(s->schedstat_rate[which]) : json_null());
}

static json_t *schedstats_json(const struct summary *s)
{
	char name[40];
	if (!s->has_schedstat)
		return json_null();
	json_t *o = json_object();
	for (unsigned i = 0; i < SCHEDSTAT_COUNT; i++) {
		bool has = s->has_schedstat >> i & 1;
		snprintf(name, sizeof(name), "total_%s", schedstat_names[i]);
		json_put(&o, name, has ? json_integer((json_int_t)s->schedstat_delta[i]) : json_null());
	}
	put_schedstat_rate(&o, "run_delay_rate", s, SCHEDSTAT_run_delay);
	put_schedstat_rate(&o, "sched_count_rate", s, SCHEDSTAT_sched_count);
	return o;
}

static json_t *programs_json(const struct series *s)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < s->programs; i++) {
		const struct series_program *p = &s->program[i];
		json_t *o = json_object();
		if (!p->has_stats) {
			json_decref(o);
			continue;
		}
		json_put_text(&o, "name", p->name);
		json_put_u64(&o, "cnt", p->cnt);
		json_put_u64(&o, "nsecs", p->nsecs);
		json_put_number(&o, "nsecs_per_call", p->cnt ? (double)p->nsecs / (double)p->cnt : 0);
		json_add(&list, o);
	}
	return list;
}

static void put_verdict(json_t **o, const struct result *r)
{
	const struct judgement *j = r->judgement;
	json_t *violations = json_array();
	for (uint32_t i = 0; i < j->violations; i++)
		json_add(&violations, json_text(j->violation[i]));
	json_put_text(o, "verdict", !j->monitor_judged ? NULL : j->violations ? "failed" : "ok");
	json_put(o, "violations", violations);
}

json_t *monitor_json(const struct result *r)
{
	struct summary s;
	struct monitor_window w = monitor_window(r->evidence);
	if (!w.count)
		return json_null();
	summary_of(w.reading, w.count, MONITOR_HZ_UNKNOWN, &s);
	json_t *o = json_object();
	json_put_u64(&o, "total_samples", w.count + w.warm_up);
	json_put_u64(&o, "warm_up_samples", w.warm_up);
	json_put_u64(&o, "torn_samples", r->evidence->series->torn);
	json_put_text(&o, "unusable", summary_unusable(w.reading, w.count));
	json_put_number(&o, "max_imbalance_ratio", s.max_imbalance);
	json_put_number(&o, "avg_imbalance_ratio", s.avg_imbalance);
	json_put_number(&o, "max_local_dsq_depth", s.max_dsq_depth);
	json_put_number(&o, "avg_local_dsq_depth", s.avg_dsq_depth);
	json_put_number(&o, "avg_nr_running", s.avg_nr_running);
	json_put_bool(&o, "stall_detected", s.stall_detected);
	json_put(&o, "event_deltas", events_json(r, &s));
	json_put(&o, "schedstat_deltas", schedstats_json(&s));
	json_put(&o, "prog_stats_deltas", programs_json(r->evidence->series));
	put_verdict(&o, r);
	return o;
}

/* Of latencies of so much, what the host can have added. */
static const struct {
	const char *key;
	uint64_t length_ns;
} peaks[] = { { "peak_wait_1ms_ns", 1000000 },
	      { "peak_wait_10ms_ns", 10000000 },
	      { "peak_wait_100ms_ns", 100000000 },
	      { "peak_wait_1s_ns", 1000000000 } };

/* CPUs of performance mode are to be the machine's alone: it hardly waits for them. */
static bool lost_isolation(const struct series *s)
{
	double dilation;
	return contention_dilation(&s->host, &dilation) && dilation > ISOLATED_DILATION_MAX;
}

json_t *host_contention_json(const struct result *r)
{
	const struct series *s = r->evidence->series;
	double dilation;
	if (!s || !contention_known(&s->host))
		return json_null();
	json_t *o = json_object();
	json_put(&o, "dilation", contention_dilation(&s->host, &dilation) ? json_number(dilation) : json_null());
	json_put(&o, "isolation_lost", r->perf_mode ? json_boolean(lost_isolation(s)) : json_null());
	json_put_u64(&o, "vcpu_cpu_ns", s->host.cpu_ns);
	json_put_u64(&o, "vcpu_wait_ns", s->host.total_wait_ns);
	json_put_u64(&o, "ticks", s->host.ticks);
	for (size_t i = 0; i < ARRAY_SIZE(peaks); i++)
		json_put_u64(&o, peaks[i].key, contention_wait(&s->host, peaks[i].length_ns));
	return o;
}

static void host_text(const struct result *r, const struct series *s, struct buf *out)
{
	char wait[TIME_TEXT_MAX];
	double dilation;
	if (!contention_dilation(&s->host, &dilation))
		return;
	buf_appendf(out, "  host: dilation=%.2f, vCPUs waited for its CPUs for up to %s in 100 ms\n", dilation,
		    nsec_measure((double)contention_wait(&s->host, 100000000), wait));
	if (r->perf_mode && lost_isolation(s))
		buf_puts(out, "  isolation lost: in performance mode, the machine's CPUs were not its own\n");
}

static json_t *program_json(const struct verified_program *p)
{
	json_t *o = json_object();
	json_put_text(&o, "name", p->name);
	json_put_text(&o, "verdict", p->loaded ? "success" : "failure");
	json_put_text(&o, "type", *p->type ? p->type : NULL);
	json_put_text(&o, "attach_type", *p->attach_type ? p->attach_type : NULL);
	for (int i = 0; i < VERIFIED_STAT_COUNT; i++)
		json_put(&o, verified_keys[i],
			 verified_has(p, (enum verified_stat)i) ? json_u64(p->value[i]) : json_null());
	return o;
}

json_t *verifier_stats_json(const struct result *r)
{
	json_t *list = json_array();
	struct verified v;
	if (program_stats_collect(r->evidence, &v) < 0)
		return list;
	for (unsigned i = 0; i < v.programs; i++)
		json_add(&list, program_json(&v.program[i]));
	verified_done(&v);
	return list;
}

/* --- as text ------------------------------------------------------------------------------------------------------ */

/* The number of the counter with that name; -1: absent, or nothing was counted. */
static int counted(const struct series *series, const struct summary *s, const char *name)
{
	int at = s->has_events ? series_event(series, name) : -1;
	return at >= 0 && (unsigned)at < s->events ? at : -1;
}

static bool is_short_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(short_names); i++)
		if (!strcmp(short_names[i].event, name))
			return true;
	return false;
}

static void events_text(const struct series *series, const struct summary *s, struct buf *out)
{
	static const struct {
		const char *event, *word;
		bool rate;
	} main_events[] = { { "select_cpu_fallback", "fallback", true },
			    { "dispatch_keep_last", "keep_last", true },
			    { "dispatch_local_dsq_offline", "offline", false } };
	bool more = false;
	if (!s->has_events)
		return;
	buf_puts(out, "  events:");
	for (size_t i = 0; i < ARRAY_SIZE(main_events); i++) {
		int at = counted(series, s, main_events[i].event);
		if (at < 0)
			continue;
		buf_appendf(out, " %s=%ld", main_events[i].word, s->event_delta[at]);
		if (main_events[i].rate)
			buf_appendf(out, " (%.1f/s)", s->event_rate[at]);
	}
	for (unsigned i = 0; i < s->events; i++) {
		if (!s->event_delta[i] || is_short_name(series->event_name[i]))
			continue;
		buf_appendf(out, "%s %s=%ld", more ? "" : "\n  events+:", series->event_name[i], s->event_delta[i]);
		more = true;
	}
	buf_puts(out, "\n");
}

static void schedstats_text(const struct summary *s, struct buf *out)
{
	static const struct {
		enum schedstat which;
		const char *before, *after;
		bool rate;
	} words[] = { { SCHEDSTAT_sched_count, " csw=", "", false },
		      { SCHEDSTAT_sched_count, " (", "/s)", true },
		      { SCHEDSTAT_run_delay, " run_delay=", "ns/s", true },
		      { SCHEDSTAT_ttwu_count, " ttwu=", "", false },
		      { SCHEDSTAT_sched_goidle, " goidle=", "", false } };
	if (!s->has_schedstat)
		return;
	buf_puts(out, "  schedstat:");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		double value =
			words[i].rate ? s->schedstat_rate[words[i].which] : (double)s->schedstat_delta[words[i].which];
		if (s->has_schedstat >> words[i].which & 1)
			buf_appendf(out, "%s%.0f%s", words[i].before, value, words[i].after);
	}
	buf_puts(out, "\n");
}

static void programs_text(const struct series *s, struct buf *out)
{
	for (unsigned i = 0; i < s->programs; i++)
		if (s->program[i].has_stats && s->program[i].cnt)
			buf_appendf(out, "  bpf: %s cnt=%lu %.0fns/call\n", s->program[i].name, s->program[i].cnt,
				    (double)s->program[i].nsecs / (double)s->program[i].cnt);
}

static void verdict_text(const struct result *r, struct buf *out)
{
	const struct judgement *j = r->judgement;
	bool enforced = r->facts.limits.limit[LIMIT_ENFORCE].on;
	if (!j->monitor_judged)
		return;
	if (!j->violations) {
		buf_puts(out, "  verdict: monitor OK\n");
		return;
	}
	buf_appendf(out, "  verdict: monitor FAILED: %u violation%s%s\n", j->violations, plural(j->violations),
		    enforced ? "" : " (without .enforce they do not fail the test)");
	for (uint32_t i = 0; i < j->violations; i++)
		buf_appendf(out, "    %s\n", j->violation[i]);
}

void monitor_text(const struct result *r, struct buf *out)
{
	struct summary s;
	struct monitor_window w = monitor_window(r->evidence);
	if (!w.count)
		return;
	summary_of(w.reading, w.count, MONITOR_HZ_UNKNOWN, &s);
	buf_appendf(out, "  samples=%u max_imbalance=%.2f max_dsq_depth=%.0f stuck=%u\n", w.count + w.warm_up,
		    s.max_imbalance, s.max_dsq_depth, s.longest_stall);
	buf_appendf(out, "  avg: imbalance=%.2f nr_running/cpu=%.1f dsq/cpu=%.1f\n", s.avg_imbalance, s.avg_nr_running,
		    s.avg_dsq_depth);
	host_text(r, r->evidence->series, out);
	events_text(r->evidence->series, &s, out);
	schedstats_text(&s, out);
	programs_text(r->evidence->series, out);
	verdict_text(r, out);
}
