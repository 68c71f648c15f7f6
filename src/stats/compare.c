/* SPDX-License-Identifier: GPL-2.0-only */
/* compare.c -- see compare.h. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "stats/compare.h"
#include "stats/significance.h"

const char *const compare_test_names[] = { "threshold", "welch", "mwu", "paired", NULL };

const char *finding_verdict_name(enum finding_verdict verdict)
{
	static const char *const names[] = { "unchanged", "regression", "improvement", "informational", "noisy" };
	return names[verdict];
}

void comparison_done(struct comparison *c)
{
	free(c->finding);
	free(c->ratio);
	memset(c, 0, sizeof(*c));
}

/* --- the values of one group -------------------------------------------------------------------------------------- */

/* Which metrics a group has, and room for the values of one of them. */
struct column {
	double *value;
	const struct row **row; /* of each value */
	size_t n;
};

struct work {
	const struct pool *pool;
	const struct pairing *pairing;
	const struct compare_options *options;
	struct comparison *out;
	bool *present; /* by metric: it is in the list of the group */
	uint16_t *metric;
	size_t metrics;
	struct column side[SIDE_MAX];
	double *scratch;
};

static bool is_wanted(const struct work *w, size_t metric)
{
	const struct compare_options *o = w->options;
	if (metric < metrics_count() && (metrics[metric].hidden || metrics[metric].kind == METRIC_PER_PHASE))
		return false;
	int phase = pool_metric_phase(w->pool, (uint16_t)metric);
	if (o->phase >= 0)
		return phase == o->phase;
	switch (o->phases) {
	case PHASES_NONE:
		return phase < 0;
	case PHASES_ONLY:
		return phase >= 0;
	case PHASES_STEPS:
		return phase > 0;
	case PHASES_TOO:
		break;
	}
	return true;
}

static void mark_metrics(struct work *w, const struct contributors *c)
{
	for (size_t i = 0; i < c->count; i++)
		for (uint32_t v = c->row[i]->first; v < c->row[i]->first + c->row[i]->values; v++) {
			uint16_t metric = w->pool->metric[v];
			if (w->present[metric])
				continue;
			w->present[metric] = true;
			w->metric[w->metrics++] = metric;
		}
}

static int compare_numbers(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* In the order of the table, then those of payloads and phases. */
static void list_metrics(struct work *w, const struct group *g)
{
	size_t kept = 0;
	w->metrics = 0;
	mark_metrics(w, &g->side[SIDE_A]);
	mark_metrics(w, &g->side[SIDE_B]);
	for (size_t i = 0; i < w->metrics; i++) {
		w->present[w->metric[i]] = false;
		if (is_wanted(w, w->metric[i]))
			w->metric[kept++] = w->metric[i];
	}
	w->metrics = kept;
	qsort(w->metric, kept, sizeof(*w->metric), compare_numbers);
}

/* The values of the rows that passed and have the metric. */
static void fill_column(struct work *w, const struct contributors *c, uint16_t metric, struct column *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < c->count; i++) {
		double value = c->row[i]->verdict == RESULT_PASS ? row_value(w->pool, c->row[i], metric) : NAN;
		if (isnan(value))
			continue;
		ret->row[ret->n] = c->row[i];
		ret->value[ret->n++] = value;
	}
}

/* The sum of a counter over the rows of a column. */
static double sum_of(const struct work *w, const struct column *c, const char *counter)
{
	uint16_t metric = (uint16_t)metric_index(metric_find(counter, strlen(counter)));
	double sum = 0;
	for (size_t i = 0; i < c->n; i++) {
		double value = row_value(w->pool, c->row[i], metric);
		sum += isnan(value) ? 0 : value;
	}
	return sum;
}

/* Combines the values of several runs: mostly by their mean, and always so where the mean is tested. */
static double centre(const struct work *w, const struct column *c, uint16_t metric, const struct sample *s)
{
	const struct metric *m = metric < metrics_count() ? &metrics[metric] : NULL;
	bool tested = w->options->test == COMPARE_WELCH;
	if (w->options->test == COMPARE_PAIRED)
		return s->mean;
	if (m && m->kind == METRIC_WORST && !tested)
		return s->max;
	if (m && m->kind == METRIC_RATE) {
		double den = sum_of(w, c, m->den);
		return den != 0 ? sum_of(w, c, m->num) / den : s->mean;
	}
	return m && m->integer && !tested ? round(s->mean) : s->mean;
}

/* --- is it a change? ---------------------------------------------------------------------------------------------- */

static bool counts_from_zero(const struct work *w, uint16_t metric)
{
	return w->options->from_zero && metric < metrics_count() && metrics[metric].kind == METRIC_COUNTER;
}

static bool is_material(const struct work *w, const struct finding *f)
{
	double least = policy_least(w->pool, f->metric), share = policy_share(&w->options->policy, w->pool, f->metric);
	/* A value next to 0 has no share. Only a test with samples, or a count, can call its difference a change. */
	if (fabs(f->value[SIDE_A]) < NEAR_ZERO)
		return (w->options->test != COMPARE_THRESHOLD || counts_from_zero(w, f->metric)) &&
		       fabs(f->delta) >= fmax(least, NEAR_ZERO);
	return f->delta != 0 && fabs(f->delta) >= least && f->share >= share;
}

static enum finding_verdict direction(const struct work *w, const struct finding *f)
{
	enum metric_polarity polarity = pool_metric_polarity(w->pool, f->metric);
	if (polarity != METRIC_HIGHER && polarity != METRIC_LOWER)
		return FINDING_INFORMATIONAL;
	return (f->delta > 0) == (polarity == METRIC_HIGHER) ? FINDING_IMPROVEMENT : FINDING_REGRESSION;
}

static void set_change(struct finding *f)
{
	double a = f->value[SIDE_A];
	f->delta = f->value[SIDE_B] - a;
	f->share = fabs(a) < NEAR_ZERO ? 0 : fabs(f->delta / a);
}

/* How many more values per side it takes to see a change of this size. */
static void set_needed(const struct work *w, struct finding *f, double sd, size_t least, bool paired)
{
	size_t n = MIN_OF(f->n[SIDE_A], f->n[SIDE_B]);
	size_t wanted = f->delta ? samples_needed(sd, f->delta, w->options->alpha, w->options->power, paired) : 0;
	if (wanted == SIZE_MAX) {
		f->needed = NEEDED_NEVER;
		return;
	}
	/* Too few to see anything are too few, also if the sides look equal. */
	if (wanted < least && (f->delta || f->verdict == FINDING_NOISY))
		wanted = least;
	f->needed = wanted > n ? wanted - n : 0;
}

/*
 * One outlier can move a mean against what the test says of most values. Such a difference is
 * neither better nor worse. @tendency: above 0 if B is larger, as the test sees it.
 */
static bool agrees(const struct finding *f, double tendency)
{
	return tendency * f->delta >= 0;
}

static void test_welch(const struct work *w, struct finding *f, const struct sample s[SIDE_MAX])
{
	f->p = welch_test(&s[SIDE_A], &s[SIDE_B]).p;
	if (isnan(f->p))
		f->verdict = FINDING_NOISY;
	f->separated = f->p < w->options->alpha || samples_disjoint(&s[SIDE_A], &s[SIDE_B]);
	f->separated &= agrees(f, s[SIDE_B].mean - s[SIDE_A].mean);
	set_needed(w, f, sqrt((s[SIDE_A].variance + s[SIDE_B].variance) / 2), 2, false);
}

static void test_mwu(const struct work *w, struct finding *f, const struct sample s[SIDE_MAX])
{
	size_t least = mann_whitney_samples_needed(w->options->alpha);
	for (int side = 0; side < SIDE_MAX; side++) {
		const struct column *c = &w->side[side];
		memcpy(w->scratch, c->value, c->n * sizeof(*w->scratch));
		struct median m = median_of(w->scratch, c->n, w->options->confidence);
		f->value[side] = m.value;
		f->low[side] = m.low;
		f->high[side] = m.high;
	}
	set_change(f);
	struct rank_test u =
		mann_whitney_test(w->side[SIDE_A].value, w->side[SIDE_A].n, w->side[SIDE_B].value, w->side[SIDE_B].n);
	f->p = u.p;
	if (mann_whitney_least_p(w->side[SIDE_A].n, w->side[SIDE_B].n) >= w->options->alpha)
		f->verdict = FINDING_NOISY;
	/* Without a difference, U is half of all pairs of values. */
	double half = (double)w->side[SIDE_A].n * (double)w->side[SIDE_B].n / 2;
	f->separated = f->p < w->options->alpha && agrees(f, half - u.statistic);
	set_needed(w, f, sqrt((s[SIDE_A].variance + s[SIDE_B].variance) / 2), least, false);
}

static int compare_seeds(const void *a, const void *b, void *unused)
{
	const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;
	(void)unused;
	return (x->of[DIMENSION_SEED] > y->of[DIMENSION_SEED]) - (x->of[DIMENSION_SEED] < y->of[DIMENSION_SEED]);
}

/* Sorts by seed, and makes one value of several of one seed. */
static void merge_seeds(const struct work *w, struct column *c, uint16_t metric)
{
	size_t seeds = 0;
	qsort_r(c->row, c->n, sizeof(*c->row), compare_seeds, NULL);
	for (size_t i = 0, end; i < c->n; i = end) {
		double sum = 0;
		for (end = i; end < c->n && c->row[end]->of[DIMENSION_SEED] == c->row[i]->of[DIMENSION_SEED]; end++)
			sum += row_value(w->pool, c->row[end], metric);
		c->row[seeds] = c->row[i];
		c->value[seeds++] = sum / (double)(end - i);
	}
	c->n = seeds;
}

/* Keeps the seeds that both sides have. Returns their number, and the differences in @scratch. */
static size_t pair_seeds(struct work *w, uint16_t metric)
{
	struct column *a = &w->side[SIDE_A], *b = &w->side[SIDE_B];
	size_t pairs = 0;
	merge_seeds(w, a, metric);
	merge_seeds(w, b, metric);
	for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
		uint32_t x = a->row[i]->of[DIMENSION_SEED], y = b->row[k]->of[DIMENSION_SEED];
		if (x == y && x) {
			a->value[pairs] = a->value[i];
			b->value[pairs] = b->value[k];
			w->scratch[pairs] = b->value[k] - a->value[i];
			pairs++;
		}
		i += x <= y;
		k += y <= x;
	}
	a->n = b->n = pairs;
	return pairs;
}

static void test_paired(const struct work *w, struct finding *f, size_t pairs)
{
	struct sign_test signs = sign_test_of(w->scratch, pairs);
	struct sample differences = sample_of(w->scratch, pairs);
	bool higher = pool_metric_polarity(w->pool, f->metric) == METRIC_HIGHER;
	struct rank_test ranks = signed_rank_test(w->scratch, pairs);
	double changed = (double)(signs.less + signs.more), half = changed * (changed + 1) / 4;
	f->p = ranks.p;
	f->sign_p = signs.p;
	f->worse = higher ? signs.less : signs.more;
	f->better = higher ? signs.more : signs.less;
	if (signed_rank_least_p(pairs) >= w->options->alpha)
		f->verdict = FINDING_NOISY;
	f->separated = f->p < w->options->alpha && agrees(f, ranks.statistic - half);
	set_needed(w, f, sqrt(differences.variance), signed_rank_pairs_needed(w->options->alpha), true);
}

/* --- findings ----------------------------------------------------------------------------------------------------- */

static struct finding *add_finding(struct comparison *c)
{
	if (c->findings == c->room) {
		size_t room = c->room ? 2 * c->room : 256;
		struct finding *larger = realloc(c->finding, room * sizeof(*larger));
		if (!larger)
			return NULL;
		c->finding = larger;
		c->room = room;
	}
	return &c->finding[c->findings];
}

static bool compare_metric(struct work *w, uint32_t group, uint16_t metric)
{
	const struct group *g = &w->pairing->group[group];
	struct finding f = { .group = group, .metric = metric, .separated = true, .p = NAN, .q = NAN, .sign_p = NAN };
	enum compare_test test = w->options->test;
	struct sample s[SIDE_MAX];
	bool in_phase = pool_metric_phase(w->pool, metric) >= 0;
	for (int side = 0; side < SIDE_MAX; side++)
		fill_column(w, &g->side[side], metric, &w->side[side]);
	bool both = w->side[SIDE_A].n && w->side[SIDE_B].n;
	size_t pairs = test == COMPARE_PAIRED ? pair_seeds(w, metric) : 0;
	if (both && test == COMPARE_PAIRED && !pairs) {
		w->out->without_pairs++;
		return true;
	}
	for (int side = 0; side < SIDE_MAX; side++) {
		const struct column *c = &w->side[side];
		if (!c->n) { /* one side does not have it */
			w->out->phase_only[side == SIDE_A ? SIDE_B : SIDE_A] += in_phase;
			return true;
		}
		s[side] = sample_of(c->value, c->n);
		f.n[side] = c->n;
		f.value[side] = centre(w, c, metric, &s[side]);
		f.low[side] = s[side].min;
		f.high[side] = s[side].max;
	}
	if (fabs(f.value[SIDE_A]) < NEAR_ZERO && fabs(f.value[SIDE_B]) < NEAR_ZERO)
		return true;
	set_change(&f);
	if (in_phase && 100 * fabs(f.delta) / fmax(fabs(f.value[SIDE_A]), 1) < w->options->phase_percent)
		return true;
	if (test == COMPARE_WELCH)
		test_welch(w, &f, s);
	else if (test == COMPARE_MWU)
		test_mwu(w, &f, s);
	else if (test == COMPARE_PAIRED)
		test_paired(w, &f, pairs);
	/* Where all values are equal there is nothing to test, so it is not one of the many tests either. */
	if (fmin(s[SIDE_A].min, s[SIDE_B].min) == fmax(s[SIDE_A].max, s[SIDE_B].max)) {
		f.p = NAN;
		f.needed = 0;
		f.verdict = FINDING_UNCHANGED;
	}
	if (f.verdict != FINDING_NOISY)
		f.verdict = f.separated && is_material(w, &f) ? direction(w, &f) : FINDING_UNCHANGED;
	struct finding *kept = add_finding(w->out);
	if (!kept)
		return false;
	*kept = f;
	w->out->findings++;
	return true;
}

static bool is_phase(const struct pool *p, const struct finding *f)
{
	return pool_metric_phase(p, f->metric) >= 0;
}

/*
 * A difference that stands out by itself, but not among so many tests. If no values of this number could have stood out
 * among them, it is not known whether anything changed: says how many more it takes.
 */
static void find_hidden(const struct compare_options *o, struct finding *f)
{
	bool paired = o->test == COMPARE_PAIRED;
	size_t n = MIN_OF(f->n[SIDE_A], f->n[SIDE_B]);
	double alpha = o->alpha * f->p / f->q; /* for this test alone: q is p, times the tests, by its rank */
	size_t wanted = paired ? signed_rank_pairs_needed(alpha) : mann_whitney_samples_needed(alpha);
	bool hidden = f->verdict != FINDING_UNCHANGED && f->p < o->alpha && wanted > n;
	f->verdict = hidden ? FINDING_NOISY : FINDING_UNCHANGED;
	if (hidden)
		f->needed = f->needed == NEEDED_NEVER ? wanted - n : MAX_OF(f->needed, wanted - n);
}

/* Of many tests some are below alpha by luck: rank tests count by the rate of false discoveries. */
static bool correct_for_many(const struct pool *pool, const struct compare_options *o, bool phases,
			     struct comparison *c)
{
	_cleanup_free_ double *p = calloc(c->findings + 1, sizeof(*p)), *q = calloc(c->findings + 1, sizeof(*q));
	if (!p || !q)
		return false;
	for (size_t i = 0; i < c->findings; i++) {
		bool counts = c->finding[i].verdict != FINDING_NOISY && is_phase(pool, &c->finding[i]) == phases;
		p[i] = counts ? c->finding[i].p : NAN;
	}
	if (!false_discovery_rates(p, c->findings, q))
		return false;
	for (size_t i = 0; i < c->findings; i++) {
		struct finding *f = &c->finding[i];
		if (is_phase(pool, f) != phases)
			continue;
		f->q = q[i];
		bool ranks = o->test == COMPARE_MWU || o->test == COMPARE_PAIRED;
		if (ranks && f->verdict != FINDING_NOISY && !(f->q < o->alpha))
			find_hidden(o, f);
	}
	return true;
}

static bool add_ratios(const struct pool *p, struct comparison *c)
{
	size_t all = metrics_count() + p->others;
	_cleanup_free_ double *logs = calloc(all + 1, sizeof(*logs));
	_cleanup_free_ struct metric_ratio *sum = calloc(all + 1, sizeof(*sum));
	c->ratio = calloc(all + 1, sizeof(*c->ratio));
	if (!logs || !sum || !c->ratio)
		return false;
	for (size_t i = 0; i < c->findings; i++) {
		const struct finding *f = &c->finding[i];
		if (is_phase(p, f))
			continue;
		if (f->value[SIDE_A] > 0 && f->value[SIDE_B] > 0) {
			logs[f->metric] += log(f->value[SIDE_B] / f->value[SIDE_A]);
			sum[f->metric].groups++;
		} else {
			sum[f->metric].skipped++;
		}
	}
	for (size_t m = 0; m < all; m++) {
		if (!sum[m].groups)
			continue;
		sum[m].metric = (uint16_t)m;
		sum[m].mean = exp(logs[m] / (double)sum[m].groups);
		c->ratio[c->ratios++] = sum[m];
	}
	return true;
}

static bool summarise(const struct pool *p, struct comparison *c)
{
	for (size_t i = 0; i < c->findings; i++)
		(is_phase(p, &c->finding[i]) ? c->phase_count : c->count)[c->finding[i].verdict]++;
	return add_ratios(p, c);
}

static int compare_group(struct work *w, uint32_t group)
{
	const struct group *g = &w->pairing->group[group];
	const struct contributors *a = &g->side[SIDE_A], *b = &g->side[SIDE_B];
	if (!a->count || !b->count) {
		w->out->only[a->count ? SIDE_A : SIDE_B]++;
		return 0;
	}
	/* Samples are what passed. A mean stands for all results, so one that did not pass spoils it. */
	bool samples = w->options->test != COMPARE_THRESHOLD;
	bool usable = samples ? a->passed && b->passed : a->verdict == RESULT_PASS && b->verdict == RESULT_PASS;
	if (!usable) {
		w->out->excluded++;
		w->out->broken += a->verdict == RESULT_PASS && b->verdict != RESULT_PASS;
		return 0;
	}
	w->out->paired++;
	list_metrics(w, g);
	for (size_t i = 0; i < w->metrics; i++)
		if (!compare_metric(w, group, w->metric[i]))
			return -ENOMEM;
	return 0;
}

static bool work_init(struct work *w)
{
	size_t most = 1, all = metrics_count() + w->pool->others + 1;
	for (size_t i = 0; i < w->pairing->groups; i++)
		for (int side = 0; side < SIDE_MAX; side++)
			most = MAX_OF(most, w->pairing->group[i].side[side].count);
	w->present = calloc(all, sizeof(*w->present));
	w->metric = calloc(all, sizeof(*w->metric));
	w->scratch = calloc(most, sizeof(*w->scratch));
	bool done = w->present && w->metric && w->scratch;
	for (int side = 0; side < SIDE_MAX; side++) {
		w->side[side].value = calloc(most, sizeof(double));
		w->side[side].row = calloc(most, sizeof(struct row *));
		done = done && w->side[side].value && w->side[side].row;
	}
	return done;
}

static void work_done(struct work *w)
{
	for (int side = 0; side < SIDE_MAX; side++) {
		free(w->side[side].value);
		free(w->side[side].row);
	}
	free(w->scratch);
	free(w->metric);
	free(w->present);
}

int compare_groups_of(const struct pool *p, const struct pairing *g, const struct compare_options *o,
		      struct comparison *ret, size_t *ret_doubled)
{
	struct work w = { .pool = p, .pairing = g, .options = o, .out = ret };
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < g->groups && o->separate; i++) {
		*ret_doubled = i;
		if (g->group[i].side[SIDE_A].count > 1 || g->group[i].side[SIDE_B].count > 1)
			return -EEXIST;
	}
	int r = work_init(&w) ? 0 : -ENOMEM;
	for (size_t i = 0; i < g->groups && r == 0; i++)
		r = compare_group(&w, (uint32_t)i);
	work_done(&w);
	/* Phases are a family of tests of their own, so that they do not change what is found of whole runs. */
	bool done = r == 0 && correct_for_many(p, o, false, ret) && correct_for_many(p, o, true, ret);
	if (r == 0 && (!done || !summarise(p, ret)))
		r = -ENOMEM;
	if (r < 0)
		comparison_done(ret);
	return r;
}
