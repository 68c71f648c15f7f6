/* SPDX-License-Identifier: GPL-2.0-only */
/* sample.h -- describes samples: mean and variance, median with interval, geometric mean, samples that are needed. */
#ifndef KTSTR_STATS_SAMPLE_H
#define KTSTR_STATS_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>

struct sample {
	size_t n;
	double mean, variance; /* variance: with n - 1; 0 for less than two values */
	double min, max;
};

/* Values must be finite. All members are 0 without values. */
struct sample sample_of(const double *value, size_t n);
/* (max - min) / |mean| in percent; infinite if the mean is about 0 and the values differ. */
double sample_spread_pct(const struct sample *s);
/* Do the ranges from smallest to largest value not even touch? False if one sample is empty. */
bool samples_disjoint(const struct sample *a, const struct sample *b);

/* The median, and the narrowest symmetric pair of order statistics that holds the true one with @confidence. */
struct median {
	double value;
	double low, high;  /* infinite if there are too few values for @confidence */
	double confidence; /* what the interval really has; 0 if it is infinite */
};
/* Sorts @value. */
struct median median_of(double *value, size_t n, double confidence);
/* The least number of values for which median_of() has a finite interval. */
size_t median_samples_needed(double confidence);
/* How far the interval reaches from the median, as a share of it: max(high / value - 1, 1 - low / value). */
double median_reach(const struct median *m);

/* NaN without positive values. *@skipped: number of values that are not positive, and so left out. */
double geometric_mean(const double *value, size_t n, size_t *skipped);

/*
 * How many values per side a two-sided t test at @alpha needs to see a difference of @delta with probability @power,
 * if one value has standard deviation @sd. With @paired: pairs, and @sd is that of a pair's difference. At least 2;
 * SIZE_MAX if @delta is 0.
 */
size_t samples_needed(double sd, double delta, double alpha, double power, bool paired);

#endif
