/* SPDX-License-Identifier: GPL-2.0-only */
/* distribution.c -- see distribution.h. */
#include <math.h>

#include "stats/distribution.h"

double normal_cdf(double z)
{
	return erfc(-z / M_SQRT2) / 2;
}

/* The x between @low and @high at which a falling @f passes @p. */
static double bisect(double (*f)(double x, double df), double df, double p, double low, double high)
{
	for (int i = 0; i < 200 && high - low > 1e-14 * fabs(high); i++) {
		double middle = (low + high) / 2;
		if (f(middle, df) > p)
			low = middle;
		else
			high = middle;
	}
	return (low + high) / 2;
}

static double normal_tail(double z, double unused)
{
	(void)unused;
	return normal_cdf(-z);
}

double normal_quantile(double p)
{
	return p < 0.5 ? -bisect(normal_tail, 0, p, 0, 40) : bisect(normal_tail, 0, 1 - p, 0, 40);
}

/*
 * The continued fraction of the incomplete beta function (Abramowitz and Stegun 26.5.8), evaluated from the front by
 * Lentz's method. It converges fast for x < (a + 1) / (a + b + 2).
 */
static double beta_fraction(double a, double b, double x)
{
	static const double tiny = 1e-300;
	double c = 1, d = 1 - (a + b) * x / (a + 1);
	d = 1 / (fabs(d) < tiny ? tiny : d);
	double result = d;
	for (int m = 1; m < 10000; m++) {
		for (int odd = 0; odd < 2; odd++) {
			double term = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
					  : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
			d = 1 + term * d;
			c = 1 + term / c;
			d = 1 / (fabs(d) < tiny ? tiny : d);
			c = fabs(c) < tiny ? tiny : c;
			result *= d * c;
		}
		if (fabs(d * c - 1) < 1e-16)
			break;
	}
	return result;
}

/* The regularized incomplete beta function. @y is 1 - @x, given apart so that it keeps its precision near 0. */
static double beta_regularized(double a, double b, double x, double y)
{
	if (x <= 0 || y <= 0)
		return x <= 0 ? 0 : 1;
	double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(y));
	if (x < (a + 1) / (a + b + 2))
		return front * beta_fraction(a, b, x) / a;
	return 1 - front * beta_fraction(b, a, y) / b;
}

double t_two_sided(double t, double df)
{
	if (isinf(t))
		return 0;
	double square = t * t;
	return beta_regularized(df / 2, 0.5, df / (df + square), square / (df + square));
}

double t_critical(double p, double df)
{
	double high = 1;
	while (t_two_sided(high, df) > p && high < 1e300)
		high *= 2;
	return bisect(t_two_sided, df, p, 0, high);
}

double coin_cdf(size_t k, size_t n)
{
	return k >= n ? 1 : beta_regularized((double)(n - k), (double)k + 1, 0.5, 0.5);
}
