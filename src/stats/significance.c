/* SPDX-License-Identifier: GPL-2.0-only */
/* significance.c -- see significance.h. */
#include <math.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "stats/distribution.h"
#include "stats/significance.h"

struct welch welch_test(const struct sample *a, const struct sample *b)
{
	struct welch w = { NAN, NAN, NAN };
	if (a->n < 2 || b->n < 2)
		return w;
	double va = a->variance / (double)a->n, vb = b->variance / (double)b->n, difference = a->mean - b->mean;
	if (va + vb == 0)
		return (struct welch){ difference ? copysign(INFINITY, difference) : 0, INFINITY, difference ? 0 : 1 };
	w.t = difference / sqrt(va + vb);
	/* In shares of the sum, so that tiny variances do not become 0 when they are squared. */
	double sa = va / (va + vb), sb = vb / (va + vb);
	w.df = 1 / (sa * sa / (double)(a->n - 1) + sb * sb / (double)(b->n - 1));
	w.p = t_two_sided(w.t, w.df);
	return w;
}

/* --- ranks -------------------------------------------------------------------------------------------------------- */

struct ranked {
	double value;
	bool marked;   /* of the first sample, or a positive difference */
	unsigned rank; /* twice the mean of the places of all equal values, which is an integer */
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	return (x->value > y->value) - (x->value < y->value);
}

/* Sorts and ranks. Returns the sum over groups of equal values of t^3 - t, for the variance. */
static double rank_all(struct ranked *r, size_t n)
{
	double ties = 0;
	qsort(r, n, sizeof(*r), compare_ranked);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && r[end].value == r[i].value;)
			end++;
		double t = (double)(end - i);
		ties += t * t * t - t;
		for (size_t k = i; k < end; k++)
			r[k].rank = (unsigned)(i + 1 + end);
	}
	return ties;
}

static double marked_sum(const struct ranked *r, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += r[i].marked ? r[i].rank : 0;
	return sum;
}

/* Of @ways[0 .. last] arrangements with this sum: twice the smaller tail that begins at @sum. */
static double two_tails(const double *ways, size_t last, size_t sum)
{
	double below = 0, above = 0, all = 0;
	for (size_t s = 0; s <= last; s++) {
		all += ways[s];
		below += s <= sum ? ways[s] : 0;
		above += s >= sum ? ways[s] : 0;
	}
	return fmin(2 * fmin(below, above) / all, 1);
}

static size_t all_ranks(const struct ranked *r, size_t n)
{
	size_t sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += r[i].rank;
	return sum;
}

/* Counts, for every sum, the choices of @k of the @n ranks that have it. */
static double choices_p(const struct ranked *r, size_t n, size_t k, double sum)
{
	size_t last = all_ranks(r, n), row = last + 1;
	_cleanup_free_ double *ways = calloc((k + 1) * row, sizeof(*ways));
	if (!ways)
		return NAN;
	ways[0] = 1;
	for (size_t i = 0; i < n; i++)
		for (size_t taken = MIN_OF(i + 1, k); taken > 0; taken--)
			for (size_t s = last; s >= r[i].rank; s--)
				ways[taken * row + s] += ways[(taken - 1) * row + s - r[i].rank];
	return two_tails(ways + k * row, last, (size_t)sum);
}

/* The same over all choices of signs. */
static double signs_p(const struct ranked *r, size_t n, double sum)
{
	size_t last = all_ranks(r, n);
	_cleanup_free_ double *ways = calloc(last + 1, sizeof(*ways));
	if (!ways)
		return NAN;
	ways[0] = 1;
	for (size_t i = 0; i < n; i++)
		for (size_t s = last; s >= r[i].rank; s--)
			ways[s] += ways[s - r[i].rank];
	return two_tails(ways, last, (size_t)sum);
}

/* @away: how far the statistic is from its mean. The half corrects for continuity. */
static double normal_p(double away, double variance)
{
	if (variance <= 0)
		return 1;
	double z = fmax(fabs(away) - 0.5, 0) / sqrt(variance);
	return fmin(2 * normal_cdf(-z), 1);
}

struct rank_test mann_whitney_test(const double *a, size_t n, const double *b, size_t m)
{
	struct rank_test t = { NAN, NAN, false };
	_cleanup_free_ struct ranked *r = calloc(n + m + 1, sizeof(*r));
	if (!r || !n || !m)
		return t;
	for (size_t i = 0; i < n; i++)
		r[i] = (struct ranked){ .value = a[i], .marked = true };
	for (size_t i = 0; i < m; i++)
		r[n + i] = (struct ranked){ .value = b[i] };
	double ties = rank_all(r, n + m), sum = marked_sum(r, n + m), all = (double)(n + m);
	t.statistic = sum / 2 - (double)n * (double)(n + 1) / 2;
	t.exact = n + m <= EXACT_MAX;
	double nm = (double)n * (double)m;
	t.p = t.exact ? choices_p(r, n + m, n, sum)
		      : normal_p(t.statistic - nm / 2, nm / 12 * (all + 1 - ties / (all * (all - 1))));
	return t;
}

struct rank_test signed_rank_test(const double *difference, size_t n)
{
	struct rank_test t = { NAN, NAN, false };
	_cleanup_free_ struct ranked *r = calloc(n + 1, sizeof(*r));
	size_t used = 0;
	for (size_t i = 0; r && i < n; i++)
		if (difference[i] != 0)
			r[used++] = (struct ranked){ .value = fabs(difference[i]), .marked = difference[i] > 0 };
	if (!used)
		return t;
	double ties = rank_all(r, used), sum = marked_sum(r, used), k = (double)used;
	t.statistic = sum / 2;
	t.exact = used <= EXACT_MAX;
	t.p = t.exact ? signs_p(r, used, sum)
		      : normal_p(t.statistic - k * (k + 1) / 4, k * (k + 1) * (2 * k + 1) / 24 - ties / 48);
	return t;
}

struct sign_test sign_test_of(const double *difference, size_t n)
{
	struct sign_test t = { .p = NAN };
	for (size_t i = 0; i < n; i++) {
		t.less += difference[i] < 0;
		t.more += difference[i] > 0;
		t.same += difference[i] == 0;
	}
	if (t.less + t.more)
		t.p = fmin(2 * coin_cdf(MIN_OF(t.less, t.more), t.less + t.more), 1);
	return t;
}

/* --- what a number of values can show ----------------------------------------------------------------------------- */

double mann_whitney_least_p(size_t n, size_t m)
{
	double choices = exp(lgamma((double)(n + m) + 1) - lgamma((double)n + 1) - lgamma((double)m + 1));
	return fmin(2 / choices, 1);
}

double signed_rank_least_p(size_t pairs)
{
	return fmin(ldexp(2, -(int)MIN_OF(pairs, (size_t)1000)), 1);
}

size_t mann_whitney_samples_needed(double alpha)
{
	size_t n = 1;
	while (n < 1000 && mann_whitney_least_p(n, n) >= alpha)
		n++;
	return n;
}

size_t signed_rank_pairs_needed(double alpha)
{
	size_t n = 1;
	while (n < 1000 && signed_rank_least_p(n) >= alpha)
		n++;
	return n;
}

struct place {
	double p;
	size_t at;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	return (x->p > y->p) - (x->p < y->p);
}

bool false_discovery_rates(const double *p, size_t n, double *q)
{
	_cleanup_free_ struct place *sorted = calloc(n + 1, sizeof(*sorted));
	size_t tested = 0;
	if (!sorted)
		return false;
	for (size_t i = 0; i < n; i++) {
		q[i] = NAN;
		if (!isnan(p[i]))
			sorted[tested++] = (struct place){ p[i], i };
	}
	qsort(sorted, tested, sizeof(*sorted), compare_places);
	double least = 1;
	for (size_t i = tested; i > 0; i--) {
		least = fmin(least, sorted[i - 1].p * (double)tested / (double)i);
		q[sorted[i - 1].at] = least;
	}
	return true;
}
