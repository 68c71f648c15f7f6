/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * distribution.h -- probability distributions that the tests need: normal, Student's t, and binomial with p = 1/2.
 *
 * They are written here, because GSL is under GPL 3 and ktstr under GPL 2 only. tests/unit/test_statistics.c compares
 * them with recorded values of SciPy.
 */
#ifndef KTSTR_STATS_DISTRIBUTION_H
#define KTSTR_STATS_DISTRIBUTION_H

#include <stddef.h>

/* P(Z <= z), and the z for which P(Z <= z) = @p, 0 < p < 1. */
double normal_cdf(double z);
double normal_quantile(double p);
/* P(|T| >= |t|) with @df > 0 degrees of freedom, which need not be an integer. */
double t_two_sided(double t, double df);
/* The t > 0 for which P(|T| >= t) = @p, 0 < p < 1. */
double t_critical(double p, double df);
/* P(X <= k) of @n fair coins. */
double coin_cdf(size_t k, size_t n);

#endif
