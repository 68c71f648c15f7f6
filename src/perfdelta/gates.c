/* SPDX-License-Identifier: GPL-2.0-only */
/* gates.c -- what makes `ktstr perf-delta` fail; see perf_delta.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "perfdelta/perf_delta.h"
#include "stats/runs.h"

/* --- --must-fail -------------------------------------------------------------------------------------------------- */

/* Why a regression of the metric can never be found; NULL: it can. */
static const char *never_regresses(const struct metric *m, bool noise)
{
	if (!m)
		return "there is no such metric; 'ktstr stats list-metrics' shows them";
	if (m->hidden)
		return "it is only a part of a rate; name the rate";
	if (m->kind == METRIC_PER_PHASE)
		return "only phases have it";
	if (m->polarity != METRIC_HIGHER && m->polarity != METRIC_LOWER)
		return "neither direction of it is worse";
	if (!noise && (m->kind == METRIC_WAKE || m->kind == METRIC_RUN_DELAY || m->kind == METRIC_TIMER))
		return "single values of a distribution are too noisy; add --noise-adjust";
	return NULL;
}

int perf_gates_check(const struct strings *must_fail, bool noise, struct err **err)
{
	for (size_t i = 0; i < must_fail->count; i++) {
		const char *name = must_fail->item[i];
		const char *why = never_regresses(metric_find(name, strlen(name)), noise);
		if (why)
			return FAIL(err, ERR_USAGE, -EINVAL, "--must-fail %s: %s", name, why);
	}
	return 0;
}

static bool is_listed(const struct strings *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (metric_pattern_matches(list->item[i], name))
			return true;
	return false;
}

/* --- gates that tests declare ------------------------------------------------------------------------------------- */

/* One item of perf_delta_assertions. Numbers below 0 are not given. */
struct declared {
	const char *metric;
	double most_percent, least;
	enum metric_polarity polarity; /* METRIC_UNKNOWN: the table's */
};

static double number_of(const json_t *o, const char *key)
{
	double value = json_number_value(json_object_get(o, key));
	return json_is_number(json_object_get(o, key)) && isfinite(value) && value >= 0 ? value : -1;
}

static enum metric_polarity polarity_of(const char *word)
{
	for (enum metric_polarity p = METRIC_UNKNOWN; word && p < METRIC_POLARITY_MAX; p++)
		if (!strcmp(word, metric_polarity_name(p)))
			return p;
	return METRIC_UNKNOWN;
}

static struct declared read_declared(const json_t *o)
{
	return (struct declared){
		.metric = json_string_value(json_object_get(o, "metric")),
		.most_percent = number_of(o, "max_regression_pct"),
		.least = number_of(o, "min_abs"),
		.polarity = polarity_of(json_string_value(json_object_get(o, "direction"))),
	};
}

static const struct finding *find_finding(const struct compare_view *v, uint32_t group, const char *metric)
{
	for (size_t i = 0; i < v->comparison->findings; i++) {
		const struct finding *f = &v->comparison->finding[i];
		if (f->group == group && !strcmp(pool_metric_name(v->pool, f->metric), metric))
			return f;
	}
	return NULL;
}

static bool violates(const struct compare_view *v, const struct finding *f, const struct declared *d)
{
	enum metric_polarity polarity = d->polarity ?: pool_metric_polarity(v->pool, f->metric);
	double least = d->least >= 0 ? d->least : policy_least(v->pool, f->metric);
	double share =
		d->most_percent >= 0 ? d->most_percent / 100 : policy_share(&v->options->policy, v->pool, f->metric);
	bool worse = polarity == METRIC_HIGHER ? f->delta < 0 : polarity == METRIC_LOWER && f->delta > 0;
	bool enough = fabs(f->value[SIDE_A]) < 1e-9 || f->share > share;
	return worse && enough && fabs(f->delta) >= least && f->separated && f->verdict != FINDING_NOISY;
}

enum gate_state { GATE_HELD, GATE_VIOLATED, GATE_NOT_EVALUATED, GATE_NOISY };

static void note_gate(struct perf_verdict *ret, const char *test, const char *metric, const char *origin,
		      enum gate_state state, const struct finding *f)
{
	static const char *const words[] = { "held", "violated", "not_evaluated", "noisy" };
	json_t *o = json_object();
	json_put_text(&o, "test", test);
	json_put_text(&o, "metric", metric);
	json_put_text(&o, "origin", origin);
	json_put_text(&o, "state", words[state]);
	json_add(&ret->gates, o);
	if (state == GATE_VIOLATED)
		buf_appendf(&ret->lines, "gate violated (%s): %s of %s: %.2f, before %.2f\n", origin, metric, test,
			    f->value[SIDE_B], f->value[SIDE_A]);
	else if (state == GATE_NOT_EVALUATED)
		buf_appendf(&ret->lines, "gate never evaluated (%s): %s of %s: the results do not have it\n", origin,
			    metric, test);
	else if (state == GATE_NOISY)
		buf_appendf(&ret->lines, "gate open (%s): %s of %s: too few runs; --noise-adjust takes more\n", origin,
			    metric, test);
	ret->failed |= state == GATE_VIOLATED;
}

static void judge_declared(const struct compare_view *v, uint32_t group, const json_t *list, struct perf_verdict *ret)
{
	const char *test = v->pool->text[v->pairing->group[group].test];
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct declared d = read_declared(json_array_get(list, i));
		const struct finding *f = d.metric ? find_finding(v, group, d.metric) : NULL;
		_cleanup_free_ char *metric = text_clean_line(d.metric ?: "?");
		if (metric)
			note_gate(ret, test, metric, "declared by the test",
				  !f		       ? GATE_NOT_EVALUATED
				  : violates(v, f, &d) ? GATE_VIOLATED
						       : GATE_HELD,
				  f);
	}
}

/* The declarations are those of HEAD: a gate may be new. */
static size_t judge_group(const struct compare_view *v, const struct results *results, uint32_t group, bool noise,
			  struct perf_verdict *ret)
{
	const struct contributors *head = &v->pairing->group[group].side[SIDE_B];
	if (!head->count || !v->pairing->group[group].side[SIDE_A].count)
		return 0;
	json_auto_t *o = NULL;
	for (size_t i = 0; i < head->count && !o; i++)
		o = result_read_file(results, (size_t)(head->row[i] - results->pool.row), NULL);
	if (!o)
		buf_appendf(&ret->lines,
			    "warning: the gates that %s declares are not known: its results cannot be read\n",
			    v->pool->text[v->pairing->group[group].test]);
	const json_t *list = json_object_get(o, "perf_delta_assertions");
	if (noise)
		judge_declared(v, group, list, ret);
	return json_array_size(list);
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

static void judge_must_fail(const struct compare_view *v, const struct strings *must_fail, struct perf_verdict *ret)
{
	for (size_t i = 0; i < v->comparison->findings; i++) {
		const struct finding *f = &v->comparison->finding[i];
		const char *metric = pool_metric_name(v->pool, f->metric);
		if (is_listed(must_fail, metric))
			note_gate(ret, v->pool->text[v->pairing->group[f->group].test], metric, "--must-fail",
				  f->verdict == FINDING_REGRESSION ? GATE_VIOLATED
				  : f->verdict == FINDING_NOISY	   ? GATE_NOISY
								   : GATE_HELD,
				  f);
	}
}

static bool is_found(const struct compare_view *v, const char *pattern)
{
	for (size_t i = 0; i < v->comparison->findings; i++)
		if (metric_pattern_matches(pattern, pool_metric_name(v->pool, v->comparison->finding[i].metric)))
			return true;
	return false;
}

static const json_t *place_of(const json_t *o, const struct metric *m)
{
	const json_t *stats = json_object_get(o, "stats"), *monitor = json_object_get(o, "monitor");
	const char *key = m->key ? m->key : m->name;
	switch (m->place) {
	case METRIC_IN_STATS:
		return json_object_get(stats, key) ?: json_object_get(json_object_get(stats, "ext_metrics"), key);
	case METRIC_IN_MONITOR:
		return json_object_get(monitor, key);
	case METRIC_IN_EVENTS:
		return json_object_get(json_object_get(monitor, "event_deltas"), key);
	case METRIC_IN_SCHEDSTAT:
		return json_object_get(json_object_get(monitor, "schedstat_deltas"), key);
	case METRIC_DERIVED:
		break;
	}
	return NULL;
}

/* A value that stays 0 is no finding. Whether it was measured, only the file says for metrics of every run. */
static bool row_measured(const struct compare_view *v, const struct results *results, const struct row *row,
			 const struct metric *m)
{
	size_t index = metric_index(m);
	if (index >= METRICS_OF_EVERY_RUN)
		return !isnan(row_value(v->pool, row, (uint16_t)index));
	json_auto_t *o = result_read_file(results, (size_t)(row - results->pool.row), NULL);
	const json_t *value = place_of(o, m);
	return json_is_number(value) || json_is_boolean(value);
}

/* In a test that passed on both sides: the first result of each. */
static bool is_measured(const struct compare_view *v, const struct results *results, const char *name)
{
	const struct metric *m = metric_find(name, strlen(name));
	for (size_t i = 0; m && i < v->pairing->groups; i++) {
		const struct contributors *a = &v->pairing->group[i].side[SIDE_A],
					  *b = &v->pairing->group[i].side[SIDE_B];
		if (a->passed && b->passed && row_measured(v, results, a->row[0], m) &&
		    row_measured(v, results, b->row[0], m))
			return true;
	}
	return false;
}

/*
 * A gate that the user named fails if no result has its metric. Of the metrics of --insns one is enough, because tests
 * without a BPF scheduler have no callbacks.
 */
static void judge_unmeasured(const struct compare_view *v, const struct perf_args *a, const struct results *results,
			     struct perf_verdict *ret)
{
	bool counted = !a->insns;
	for (size_t i = 0; i < a->must_fail.count; i++) {
		bool named = i < a->must_fail_named, found = is_found(v, a->must_fail.item[i]);
		counted |= !named && found;
		if (named && !found && is_measured(v, results, a->must_fail.item[i])) {
			note_gate(ret, "every test", a->must_fail.item[i], "--must-fail", GATE_HELD, NULL);
			continue;
		}
		if (!named || found)
			continue;
		note_gate(ret, "any test", a->must_fail.item[i], "--must-fail", GATE_NOT_EVALUATED, NULL);
		ret->failed = true;
	}
	if (!counted)
		note_gate(ret, "any test", "insns_*", "--insns", GATE_NOT_EVALUATED, NULL);
	ret->failed |= !counted;
}

static void judge_count(const struct perf_args *a, struct perf_verdict *ret)
{
	bool failed = a->fail_threshold && ret->regressions >= a->fail_threshold;
	ret->failed |= failed;
	if (failed)
		buf_appendf(&ret->lines, "gate violated (--fail-threshold %lu): %zu regression%s\n", a->fail_threshold,
			    ret->regressions, plural(ret->regressions));
	else if (ret->regressions)
		buf_appendf(&ret->lines, "%zu regression%s; --fail-threshold %lu %s\n", ret->regressions,
			    plural(ret->regressions), a->fail_threshold,
			    a->fail_threshold ? "allows so few" : "is off");
}

int perf_gates_judge(const struct compare_view *v, const struct perf_args *a, const struct results *results, bool noise,
		     struct perf_verdict *ret)
{
	size_t declared = 0;
	*ret = (struct perf_verdict){ .regressions = v->comparison->count[FINDING_REGRESSION], .gates = json_array() };
	judge_count(a, ret);
	judge_must_fail(v, &a->must_fail, ret);
	judge_unmeasured(v, a, results, ret);
	for (size_t i = 0; i < v->pairing->groups; i++)
		declared += judge_group(v, results, (uint32_t)i, noise, ret);
	if (declared && !noise)
		buf_appendf(&ret->lines, "note: %zu gate%s that tests declare %s only with --noise-adjust\n", declared,
			    plural(declared), declared == 1 ? "counts" : "count");
	buf_appendf(&ret->lines, "verdict: %s\n", ret->failed ? "FAIL" : "pass");
	return ret->gates && !ret->lines.failed ? 0 : -ENOMEM;
}

void perf_verdict_done(struct perf_verdict *v)
{
	buf_done(&v->lines);
	json_decref(v->gates);
}
