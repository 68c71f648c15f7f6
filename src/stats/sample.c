/* SPDX-License-Identifier: GPL-2.0-only */
/* sample.c -- see sample.h. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "stats/distribution.h"
#include "stats/sample.h"

#define NEAR_ZERO 1e-9

struct sample sample_of(const double *value, size_t n)
{
	struct sample s = { .n = n };
	double sum = 0, squares = 0;
	if (!n)
		return s;
	s.min = s.max = value[0];
	for (size_t i = 0; i < n; i++) {
		sum += value[i];
		s.min = fmin(s.min, value[i]);
		s.max = fmax(s.max, value[i]);
	}
	s.mean = sum / (double)n;
	for (size_t i = 0; i < n; i++)
		squares += (value[i] - s.mean) * (value[i] - s.mean);
	/* Rounding of the mean must not make equal values look different. */
	s.variance = n > 1 && s.min < s.max ? squares / (double)(n - 1) : 0;
	return s;
}

double sample_spread_pct(const struct sample *s)
{
	if (s->min == s->max)
		return 0;
	return fabs(s->mean) < NEAR_ZERO ? INFINITY : (s->max - s->min) / fabs(s->mean) * 100;
}

bool samples_disjoint(const struct sample *a, const struct sample *b)
{
	return a->n && b->n && (a->max < b->min || b->max < a->min);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

struct median median_of(double *value, size_t n, double confidence)
{
	struct median m = { .value = NAN, .low = -INFINITY, .high = INFINITY };
	size_t rank = 0; /* the interval goes from the rank-th value from below to that from above */
	if (!n)
		return m;
	qsort(value, n, sizeof(*value), compare_doubles);
	m.value = n % 2 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
	while (rank < n / 2 && 1 - 2 * coin_cdf(rank, n) >= confidence)
		rank++;
	if (rank) {
		m.confidence = 1 - 2 * coin_cdf(rank - 1, n);
		m.low = value[rank - 1];
		m.high = value[n - rank];
	}
	return m;
}

size_t median_samples_needed(double confidence)
{
	size_t n = 2;
	while (n < 1024 && 1 - 2 * coin_cdf(0, n) < confidence)
		n++;
	return n;
}

double median_reach(const struct median *m)
{
	if (m->low == m->value && m->high == m->value)
		return 0;
	return m->value == 0 ? INFINITY : fmax(m->high / m->value - 1, 1 - m->low / m->value);
}

double geometric_mean(const double *value, size_t n, size_t *skipped)
{
	double logs = 0;
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		if (value[i] > 0) {
			logs += log(value[i]);
			used++;
		}
	}
	*skipped = n - used;
	return used ? exp(logs / (double)used) : NAN;
}

/* What the t test asks of @n values per side: the more values, the less it asks. */
static double values_asked(double n, double effect, double alpha, double power, double sides)
{
	double df = sides * (n - 1), tails = t_critical(alpha, df) + t_critical(2 * (1 - power), df);
	return sides * tails * tails / (effect * effect);
}

size_t samples_needed(double sd, double delta, double alpha, double power, bool paired)
{
	double sides = paired ? 1 : 2, effect = sd > 0 ? fabs(delta) / sd : INFINITY;
	size_t low = 1, high = 2;
	if (delta == 0)
		return SIZE_MAX;
	while (high < ((size_t)1 << 40) && values_asked((double)high, effect, alpha, power, sides) > (double)high) {
		low = high;
		high *= 2;
	}
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (values_asked((double)middle, effect, alpha, power, sides) > (double)middle)
			low = middle;
		else
			high = middle;
	}
	return high < ((size_t)1 << 40) ? high : SIZE_MAX;
}
