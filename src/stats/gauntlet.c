/* SPDX-License-Identifier: GPL-2.0-only */
/* gauntlet.c -- see gauntlet.h. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "stats/gauntlet.h"
#include "stats/sample.h"

#define SIGMAS 2 /* a value stands out if it is that many standard deviations above the mean */

void gauntlet_done(struct gauntlet *g)
{
	for (size_t i = 0; i < g->outliers; i++)
		free(g->outlier[i].worst);
	free(g->outlier);
	for (int v = 0; v < VIEW_MAX; v++)
		free(g->group[v]);
	memset(g, 0, sizeof(*g));
}

/* Adds what was measured, and counts it in *@measured unless that is NULL. */
static void add_value(const struct pool *p, const struct row *row, const char *name, double *sum, size_t *measured)
{
	double value = row_value(p, row, (uint16_t)metric_index(metric_find(name, strlen(name))));
	if (isnan(value))
		return;
	*sum += value;
	if (measured)
		++*measured;
}

static uint32_t value_in_view(const struct row *row, enum gauntlet_view view)
{
	switch (view) {
	case VIEW_TOPOLOGY:
		return row->of[DIMENSION_TOPOLOGY];
	case VIEW_WORK_TYPE:
		return row->of[DIMENSION_WORK_TYPE];
	default:
		return row->test;
	}
}

/* --- groups ------------------------------------------------------------------------------------------------------- */

static struct gauntlet_group *group_of(struct gauntlet *g, enum gauntlet_view view, uint32_t value)
{
	for (size_t i = 0; i < g->groups[view]; i++)
		if (g->group[view][i].value == value)
			return &g->group[view][i];
	struct gauntlet_group *larger = realloc(g->group[view], (g->groups[view] + 1) * sizeof(*larger));
	if (!larger)
		return NULL;
	g->group[view] = larger;
	larger[g->groups[view]] = (struct gauntlet_group){ .value = value };
	return &larger[g->groups[view]++];
}

/* Means are made of the sums at the end. */
static void add_result(const struct pool *p, const struct row *row, struct gauntlet_group *g)
{
	g->total++;
	g->passed += row->verdict == RESULT_PASS;
	g->skipped += row->verdict == RESULT_SKIP;
	g->failed += row->verdict == RESULT_FAIL || row->verdict == RESULT_INCONCLUSIVE;
	add_value(p, row, "worst_spread", &g->spread, &g->measured[0]);
	add_value(p, row, "worst_gap_ms", &g->gap, &g->measured[1]);
	add_value(p, row, "max_imbalance_ratio", &g->imbalance, &g->measured[2]);
	add_value(p, row, "max_dsq_depth", &g->dsq_depth, &g->measured[3]);
	add_value(p, row, "stall_count", &g->stalls, NULL);
	add_value(p, row, "total_fallback", &g->fallback, NULL);
}

static int compare_spreads(const void *a, const void *b)
{
	const struct gauntlet_group *x = a, *y = b;
	if (x->spread != y->spread)
		return x->spread < y->spread ? 1 : -1;
	return (x->value > y->value) - (x->value < y->value);
}

static bool make_groups(const struct results *r, enum gauntlet_view view, struct gauntlet *g)
{
	for (size_t i = 0; i < r->pool.rows; i++) {
		const struct row *row = &r->pool.row[i];
		if (!result_is_valid(row))
			continue;
		struct gauntlet_group *group = group_of(g, view, value_in_view(row, view));
		if (!group)
			return false;
		add_result(&r->pool, row, group);
	}
	for (size_t i = 0; i < g->groups[view]; i++) {
		struct gauntlet_group *group = &g->group[view][i];
		double *const sum[] = { &group->spread, &group->gap, &group->imbalance, &group->dsq_depth };
		for (size_t k = 0; k < ARRAY_SIZE(sum); k++)
			*sum[k] /= (double)MAX_OF(group->measured[k], 1);
	}
	if (g->groups[view])
		qsort(g->group[view], g->groups[view], sizeof(*g->group[view]), compare_spreads);
	return true;
}

/* --- outliers ----------------------------------------------------------------------------------------------------- */

static bool add_outlier(const struct results *r, struct gauntlet *g, const struct outlier *found, double limit)
{
	struct outlier *larger = realloc(g->outlier, (g->outliers + 1) * sizeof(*larger));
	uint32_t *worst = calloc(r->pool.rows + 1, sizeof(*worst));
	if (larger)
		g->outlier = larger;
	if (!larger || !worst) {
		free(worst);
		return false;
	}
	struct outlier *o = &g->outlier[g->outliers++];
	*o = *found;
	o->worst = worst;
	for (size_t i = 0; i < r->pool.rows; i++) {
		const struct row *row = &r->pool.row[i];
		double value = row_value(&r->pool, row, o->metric);
		bool listed = !result_is_valid(row) || row->test != o->test || !(value > limit);
		for (size_t k = 0; k < o->worst_count; k++)
			listed |= worst[k] == row->of[DIMENSION_TOPOLOGY];
		if (!listed)
			worst[o->worst_count++] = row->of[DIMENSION_TOPOLOGY];
	}
	return true;
}

static double mean_of_test(const struct results *r, uint32_t test, uint16_t metric)
{
	double sum = 0, count = 0;
	for (size_t i = 0; i < r->pool.rows; i++) {
		const struct row *row = &r->pool.row[i];
		double value = row_value(&r->pool, row, metric);
		if (!result_is_valid(row) || row->test != test || isnan(value))
			continue;
		sum += value;
		count++;
	}
	return count > 0 ? sum / count : NAN;
}

static bool find_outliers(const struct results *r, uint16_t metric, struct gauntlet *g)
{
	_cleanup_free_ double *value = calloc(r->pool.rows + 1, sizeof(*value));
	size_t n = 0;
	if (!value)
		return false;
	for (size_t i = 0; i < r->pool.rows; i++) {
		double v = row_value(&r->pool, &r->pool.row[i], metric);
		if (result_is_valid(&r->pool.row[i]) && !isnan(v))
			value[n++] = v;
	}
	struct sample s = sample_of(value, n);
	double sigma = sqrt(s.variance), limit = s.mean + SIGMAS * sigma;
	if (sigma < DBL_EPSILON)
		return true;
	for (size_t i = 0; i < g->groups[VIEW_SCENARIO]; i++) {
		uint32_t test = g->group[VIEW_SCENARIO][i].value;
		struct outlier o = { .test = test, .metric = metric, .overall = s.mean };
		o.mean = mean_of_test(r, test, metric);
		o.z = (o.mean - s.mean) / sigma;
		if (o.mean > limit && !add_outlier(r, g, &o, limit))
			return false;
	}
	return true;
}

static int compare_outliers(const void *a, const void *b)
{
	const struct outlier *x = a, *y = b;
	if (x->z != y->z)
		return x->z < y->z ? 1 : -1;
	return (x->metric > y->metric) - (x->metric < y->metric);
}

int gauntlet_analyse(const struct results *r, struct gauntlet *ret)
{
	bool done = true;
	memset(ret, 0, sizeof(*ret));
	for (int v = 0; v < VIEW_MAX && done; v++)
		done = make_groups(r, (enum gauntlet_view)v, ret);
	for (size_t m = 0; m < metrics_count() && done; m++)
		if (metrics[m].short_name)
			done = find_outliers(r, (uint16_t)m, ret);
	for (size_t i = 0; i < r->pool.rows; i++)
		ret->results += result_is_valid(&r->pool.row[i]);
	if (!done) {
		gauntlet_done(ret);
		return -ENOMEM;
	}
	if (ret->outliers)
		qsort(ret->outlier, ret->outliers, sizeof(*ret->outlier), compare_outliers);
	return 0;
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static const char *text_of(const struct pool *p, uint32_t text)
{
	return text ? p->text[text] : "unknown";
}

static void print_outlier(const struct outlier *o, const struct pool *p, struct buf *out)
{
	buf_appendf(out, "  %s: %s %.1f (overall avg %.1f, +%.1fσ)\n", text_of(p, o->test),
		    metrics[o->metric].short_name, o->mean, o->overall, o->z);
	for (size_t i = 0; i < o->worst_count; i++)
		buf_appendf(out, "%s%s", i ? ", " : "    worst on: ", text_of(p, o->worst[i]));
	buf_puts(out, o->worst_count ? "\n" : "");
}

static void print_group(const struct gauntlet_group *g, const struct pool *p, struct buf *out)
{
	buf_appendf(out, "  %-25s %zu/%zu passed (%zu skipped, %zu failed)  avg_spread=%.1f%%  avg_gap=%.0fms",
		    text_of(p, g->value), g->passed, g->total, g->skipped, g->failed, g->spread, g->gap);
	if (g->imbalance > 1)
		buf_appendf(out, " imbal=%.1f", g->imbalance);
	if (g->dsq_depth > 0)
		buf_appendf(out, " dsq=%.0f", g->dsq_depth);
	if (g->stalls > 0)
		buf_appendf(out, " stalls=%.0f", g->stalls);
	if (g->fallback > 0)
		buf_appendf(out, " fallback=%.0f", g->fallback);
	buf_puts(out, "\n");
}

static const char *const heads[] = { "By scenario (worst first):", "By topology:", "By work_type:" };

void gauntlet_print(const struct gauntlet *g, const struct pool *p, struct buf *out)
{
	buf_puts(out, "=== GAUNTLET ANALYSIS ===\n");
	buf_puts(out, g->outliers ? "Outliers detected:\n" : "No outliers detected.\n");
	for (size_t i = 0; i < g->outliers; i++)
		print_outlier(&g->outlier[i], p, out);
	for (int v = 0; v < VIEW_MAX; v++) {
		if (v == VIEW_WORK_TYPE && g->groups[v] < 2)
			continue;
		buf_appendf(out, "\n%s\n", heads[v]);
		for (size_t i = 0; i < g->groups[v]; i++)
			print_group(&g->group[v][i], p, out);
	}
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static json_t *outlier_json(const struct outlier *o, const struct pool *p)
{
	json_t *j = json_object(), *worst = json_array();
	for (size_t i = 0; i < o->worst_count; i++)
		json_add(&worst, json_text(o->worst[i] ? p->text[o->worst[i]] : NULL));
	json_put_text(&j, "scenario", text_of(p, o->test));
	json_put_text(&j, "metric", metrics[o->metric].name);
	json_put_number(&j, "mean", o->mean);
	json_put_number(&j, "overall", o->overall);
	json_put_number(&j, "z", o->z);
	json_put(&j, "worst_on", worst);
	return j;
}

static json_t *group_json(const struct gauntlet_group *g, const struct pool *p)
{
	json_t *j = json_object();
	json_put_text(&j, "value", g->value ? p->text[g->value] : NULL);
	json_put_u64(&j, "total", g->total);
	json_put_u64(&j, "passed", g->passed);
	json_put_u64(&j, "skipped", g->skipped);
	json_put_u64(&j, "failed", g->failed);
	json_put_number(&j, "avg_spread", g->spread);
	json_put_number(&j, "avg_gap_ms", g->gap);
	json_put_number(&j, "avg_imbalance_ratio", g->imbalance);
	json_put_number(&j, "avg_dsq_depth", g->dsq_depth);
	json_put_number(&j, "stalls", g->stalls);
	json_put_number(&j, "fallback", g->fallback);
	return j;
}

json_t *gauntlet_json(const struct gauntlet *g, const struct pool *p)
{
	static const char *const keys[] = { "by_scenario", "by_topology", "by_work_type" };
	json_t *j = json_object(), *outliers = json_array();
	for (size_t i = 0; i < g->outliers; i++)
		json_add(&outliers, outlier_json(&g->outlier[i], p));
	json_put_u64(&j, "results", g->results);
	json_put(&j, "outliers", outliers);
	for (int v = 0; v < VIEW_MAX; v++) {
		json_t *list = json_array();
		for (size_t i = 0; i < g->groups[v]; i++)
			json_add(&list, group_json(&g->group[v][i], p));
		json_put(&j, keys[v], list);
	}
	return j;
}
