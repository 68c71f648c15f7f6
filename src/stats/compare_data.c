/* SPDX-License-Identifier: GPL-2.0-only */
/* compare_data.c -- a comparison as CSV and as JSON; see compare_text.h. */
#include <math.h>
#include <string.h>

#include "stats/compare_text.h"
#include "stats/csv.h"

/* --- CSV ---------------------------------------------------------------------------------------------------------- */

static void put_number(double value, struct buf *out)
{
	buf_puts(out, ",");
	if (isfinite(value))
		buf_appendf(out, "%.17g", value);
}

static void put_csv_row(const struct compare_view *v, const struct finding *f, struct buf *out)
{
	const struct group *g = &v->pairing->group[f->group];
	csv_put(out, v->pool->text[g->test], true);
	for (int d = 0; d < DIMENSION_MAX; d++)
		if (v->pairing->keyed[d])
			csv_put(out, g->of[d] ? v->pool->text[g->of[d]] : NULL, false);
	csv_put(out, pool_metric_name(v->pool, f->metric), false);
	csv_put(out, pool_metric_unit(v->pool, f->metric), false);
	for (int side = 0; side < SIDE_MAX; side++) {
		buf_appendf(out, ",%zu", f->n[side]);
		put_number(f->value[side], out);
		put_number(f->low[side], out);
		put_number(f->high[side], out);
	}
	put_number(f->delta, out);
	put_number(f->share * 100, out);
	put_number(f->p, out);
	put_number(f->q, out);
	buf_appendf(out, ",%zu,%zu,%s\n", f->worse, f->better, finding_verdict_name(f->verdict));
}

void compare_print_csv(const struct compare_view *v, struct buf *out)
{
	buf_puts(out, "test");
	for (int d = 0; d < DIMENSION_MAX; d++)
		if (v->pairing->keyed[d])
			buf_appendf(out, ",%s", dimensions[d].name);
	buf_puts(out, ",metric,unit,a_n,a,a_low,a_high,b_n,b,b_low,b_high,delta,percent,p,q,worse,better,verdict\n");
	for (size_t i = 0; i < v->comparison->findings; i++)
		if (v->all || v->comparison->finding[i].verdict != FINDING_UNCHANGED)
			put_csv_row(v, &v->comparison->finding[i], out);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static json_t *names_json(const bool *chosen)
{
	json_t *list = json_array();
	for (int d = 0; d < DIMENSION_MAX; d++)
		if (chosen[d])
			json_add(&list, json_text(dimensions[d].name));
	return list;
}

static json_t *side_json(const struct compare_view *v, enum side side)
{
	json_t *o = json_object();
	json_put_text(&o, "label", v->label[side]);
	json_put_u64(&o, "runs", v->pairing->selected[side]);
	json_put_u64(&o, "dirty", v->pairing->dirty[side]);
	return o;
}

static void put_key(const struct compare_view *v, json_t **o, const struct group *g)
{
	json_put_text(o, "test", v->pool->text[g->test]);
	for (int d = 0; d < DIMENSION_MAX; d++)
		if (v->pairing->keyed[d])
			json_put_text(o, dimensions[d].name, g->of[d] ? v->pool->text[g->of[d]] : NULL);
}

static json_t *values_json(const struct finding *f, enum side side)
{
	json_t *o = json_object();
	json_put_u64(&o, "n", f->n[side]);
	json_put_number(&o, "value", f->value[side]);
	json_put_number(&o, "low", f->low[side]);
	json_put_number(&o, "high", f->high[side]);
	return o;
}

static json_t *finding_json(const struct compare_view *v, const struct finding *f)
{
	json_t *o = json_object();
	put_key(v, &o, &v->pairing->group[f->group]);
	json_put_text(&o, "metric", pool_metric_name(v->pool, f->metric));
	int phase = pool_metric_phase(v->pool, f->metric);
	json_put(&o, "phase", phase < 0 ? json_null() : json_integer(phase));
	json_put_text(&o, "unit", pool_metric_unit(v->pool, f->metric));
	json_put_text(&o, "polarity", metric_polarity_name(pool_metric_polarity(v->pool, f->metric)));
	json_put(&o, "a", values_json(f, SIDE_A));
	json_put(&o, "b", values_json(f, SIDE_B));
	json_put_number(&o, "delta", f->delta);
	json_put_number(&o, "percent", f->share * 100);
	json_put_text(&o, "verdict", finding_verdict_name(f->verdict));
	json_put_number(&o, "p", f->p);
	json_put_number(&o, "q", f->q);
	bool paired = v->options->test == COMPARE_PAIRED;
	json_put_number(&o, "sign_p", f->sign_p);
	json_put(&o, "seeds_worse", paired ? json_u64(f->worse) : json_null());
	json_put(&o, "seeds_better", paired ? json_u64(f->better) : json_null());
	bool counts = v->options->test != COMPARE_THRESHOLD && f->needed != NEEDED_NEVER;
	json_put(&o, "runs_needed", counts ? json_u64(f->needed) : json_null());
	return o;
}

static json_t *contributors_json(const struct contributors *c)
{
	json_t *o = json_object();
	json_put_u64(&o, "passes_observed", c->passed);
	json_put_u64(&o, "total_observed", c->count);
	json_put_bool(&o, "mixed", c->clean && c->dirty);
	return o;
}

static json_t *groups_json(const struct compare_view *v)
{
	json_t *list = json_array();
	for (size_t i = 0; i < v->pairing->groups; i++) {
		const struct group *g = &v->pairing->group[i];
		json_t *o = json_object();
		put_key(v, &o, g);
		json_put(&o, "a", contributors_json(&g->side[SIDE_A]));
		json_put(&o, "b", contributors_json(&g->side[SIDE_B]));
		json_add(&list, o);
	}
	return list;
}

static json_t *phases_json(const struct comparison *c)
{
	json_t *o = json_object();
	json_put_u64(&o, "regressions", c->phase_count[FINDING_REGRESSION]);
	json_put_u64(&o, "improvements", c->phase_count[FINDING_IMPROVEMENT]);
	json_put_u64(&o, "unchanged", c->phase_count[FINDING_UNCHANGED]);
	json_put_u64(&o, "noisy", c->phase_count[FINDING_NOISY]);
	json_put_u64(&o, "only_a", c->phase_only[SIDE_A]);
	json_put_u64(&o, "only_b", c->phase_only[SIDE_B]);
	return o;
}

static json_t *summary_json(const struct comparison *c)
{
	json_t *o = json_object();
	json_put_u64(&o, "regressions", c->count[FINDING_REGRESSION]);
	json_put_u64(&o, "improvements", c->count[FINDING_IMPROVEMENT]);
	json_put_u64(&o, "unchanged", c->count[FINDING_UNCHANGED]);
	json_put_u64(&o, "informational", c->count[FINDING_INFORMATIONAL]);
	json_put_u64(&o, "noisy", c->count[FINDING_NOISY]);
	json_put(&o, "phases", phases_json(c));
	json_put_u64(&o, "pairs", c->paired);
	json_put_u64(&o, "skipped_failed", c->excluded);
	json_put_u64(&o, "new", c->only[SIDE_B]);
	json_put_u64(&o, "removed", c->only[SIDE_A]);
	return o;
}

static json_t *ratios_json(const struct compare_view *v)
{
	json_t *list = json_array();
	for (size_t i = 0; i < v->comparison->ratios; i++) {
		const struct metric_ratio *r = &v->comparison->ratio[i];
		json_t *o = json_object();
		json_put_text(&o, "metric", pool_metric_name(v->pool, r->metric));
		json_put_number(&o, "geomean", r->mean);
		json_put_u64(&o, "pairs", r->groups);
		json_put_u64(&o, "skipped", r->skipped);
		json_add(&list, o);
	}
	return list;
}

json_t *compare_json(const struct compare_view *v)
{
	json_t *o = json_object(), *findings = json_array();
	for (size_t i = 0; i < v->comparison->findings; i++)
		if (v->all || v->comparison->finding[i].verdict != FINDING_UNCHANGED)
			json_add(&findings, finding_json(v, &v->comparison->finding[i]));
	json_put_text(&o, "test", compare_test_names[v->options->test]);
	json_put_number(&o, "alpha", v->options->alpha);
	json_put(&o, "slicing", names_json(v->pairing->slices));
	json_put(&o, "pairing", names_json(v->pairing->keyed));
	json_put(&o, "a", side_json(v, SIDE_A));
	json_put(&o, "b", side_json(v, SIDE_B));
	json_put(&o, "findings", findings);
	json_put(&o, "groups", groups_json(v));
	json_put(&o, "geomeans", ratios_json(v));
	json_put(&o, "summary", summary_json(v->comparison));
	return o;
}
