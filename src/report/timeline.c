/* SPDX-License-Identifier: GPL-2.0-only */
/* timeline.c -- see timeline.h. */
#include "report/timeline.h"

#include <string.h>

#include "base/json.h"
#include "verdict/phases.h"

#define PHASES_SHOWN 40

static double milliseconds(uint64_t ns)
{
	return (double)ns / 1e6;
}

/* --- in the sidecar ----------------------------------------------------------------------------------------------- */

static json_t *changes_json(const struct phase *p)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < p->changes; i++) {
		json_t *o = json_object();
		json_put_text(&o, "metric", phase_metric_name(p->change[i].metric));
		json_put_number(&o, "delta", p->change[i].delta);
		json_put_text(&o, "direction", p->change[i].better ? "improvement" : "degradation");
		json_add(&list, o);
	}
	return list;
}

static void put_if(json_t **o, const char *name, bool known, double value)
{
	json_put(o, name, known ? json_number(value) : json_null());
}

static json_t *phase_json(const struct phase *p, uint64_t start_ns)
{
	json_t *o = json_object();
	json_put_text(&o, "label", p->baseline ? "BASELINE" : *p->name ? p->name : NULL);
	json_put(&o, "step_index", p->baseline ? json_null() : json_integer(p->step));
	/* A baseline begins before the test. */
	json_put_number(&o, "start_ms", milliseconds(p->from_ns) - milliseconds(start_ns));
	json_put_number(&o, "end_ms", milliseconds(p->to_ns) - milliseconds(start_ns));
	json_put_u64(&o, "sample_count", p->samples);
	put_if(&o, "avg_imbalance_ratio", p->samples, p->value[PHASE_imbalance]);
	put_if(&o, "max_imbalance_ratio", p->samples, p->max_imbalance);
	put_if(&o, "avg_dsq_depth", p->samples, p->value[PHASE_dsq_depth]);
	put_if(&o, "max_dsq_depth", p->samples, p->max_dsq_depth);
	put_if(&o, "avg_nr_running", p->samples, p->avg_nr_running);
	json_put_u64(&o, "stall_count", p->stalls);
	for (unsigned m = PHASE_fallback_rate; m < PHASE_METRIC_COUNT; m++)
		put_if(&o, phase_metric_name(m), phase_has(p, m), p->value[m]);
	json_put(&o, "changes", changes_json(p));
	return o;
}

json_t *phases_json(const struct result *r)
{
	struct phases p;
	json_t *list = json_array();
	if (phases_of(r->evidence, &p) < 0)
		return list;
	for (unsigned i = 0; i < p.count; i++)
		json_add(&list, phase_json(&p.phase[i], r->evidence->phase[0].time_ns));
	phases_done(&p);
	return list;
}

/* --- as text ------------------------------------------------------------------------------------------------------ */

static void put_head(const struct phase *p, unsigned at, struct buf *out)
{
	if (p->baseline)
		buf_puts(out, "  BASELINE (settle, ");
	else if (*p->name)
		buf_appendf(out, "  Phase %u: %s (", at, p->name);
	else
		buf_appendf(out, "  Phase %u: step %u (", at, p->step);
	buf_appendf(out, "%.0fms, %u sample%s):\n", milliseconds(p->to_ns - p->from_ns), p->samples,
		    plural(p->samples));
}

static void put_rate(const struct phase *p, enum phase_metric m, const char *unit, struct buf *out)
{
	if (phase_has(p, m))
		buf_appendf(out, " | %s: %.0f%s", phase_metric_word(m), p->value[m], unit);
}

static void put_metrics(const struct phase *p, struct buf *out)
{
	if (!p->samples) {
		buf_puts(out, "    [no samples]\n");
		return;
	}
	buf_appendf(out, "    imbalance: avg=%.1f max=%.1f | dsq: avg=%.0f max=%.0f | nr_run: avg=%.1f",
		    p->value[PHASE_imbalance], p->max_imbalance, p->value[PHASE_dsq_depth], p->max_dsq_depth,
		    p->avg_nr_running);
	put_rate(p, PHASE_fallback_rate, "/s", out);
	put_rate(p, PHASE_keep_last_rate, "/s", out);
	put_rate(p, PHASE_iteration_rate, " iter/s", out);
	buf_puts(out, "\n");
	if (p->stalls)
		buf_appendf(out, "    stalls: %u\n", p->stalls);
}

static void put_changes(const struct phase *p, struct buf *out)
{
	for (unsigned i = 0; i < p->changes; i++) {
		const struct phase_change *c = &p->change[i];
		buf_appendf(out, "    >>> %s: %s ", c->better ? "IMPROVEMENT" : "DEGRADATION",
			    phase_metric_word(c->metric));
		if (c->metric == PHASE_iteration_rate)
			buf_appendf(out, "%+.0f%%\n", c->delta * 100);
		else
			buf_appendf(out, "%+.1f\n", c->delta);
	}
}

static void put_phase(const struct phase *p, unsigned at, struct buf *out)
{
	put_head(p, at, out);
	if (p->has_stimulus)
		buf_appendf(out, "    >>> StepStart[%u]: ops=%u (%u cgroup%s, %u worker%s)\n", p->step,
			    p->stimulus.op_count, p->stimulus.cgroup_count, plural(p->stimulus.cgroup_count),
			    p->stimulus.worker_count, plural(p->stimulus.worker_count));
	put_metrics(p, out);
	put_changes(p, out);
}

void timeline_text(const struct result *r, struct buf *out)
{
	const struct evidence *e = r->evidence;
	struct phases p;
	if (!e->series || !e->series->count || !e->phase_count || phases_of(e, &p) < 0)
		return;
	buf_appendf(out, "  kernel: %s  topology: %s  scheduler: %s  scenario: %s  duration: %.1fs\n",
		    r->kernel_version ? r->kernel_version : r->kernel, r->topology,
		    r->scheduler ? r->scheduler : "eevdf", r->test,
		    (double)(evidence_end_ns(e) - e->phase[0].time_ns) / 1e9);
	for (unsigned i = 0; i < MIN_OF(p.count, (unsigned)PHASES_SHOWN); i++)
		put_phase(&p.phase[i], i, out);
	if (p.count + p.lost > PHASES_SHOWN)
		buf_appendf(out, "  ... and %u more\n", p.count + p.lost - PHASES_SHOWN);
	phases_done(&p);
}
