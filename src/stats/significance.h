/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * significance.h -- tests of whether two samples differ by more than chance, as pure functions over columns.
 *
 * All tests are two-sided. Values must be finite. A p of NaN means that the samples cannot be tested (too few values,
 * or none that differ); it is never a difference.
 */
#ifndef KTSTR_STATS_SIGNIFICANCE_H
#define KTSTR_STATS_SIGNIFICANCE_H

#include "stats/sample.h"

/* Up to this many values (of both samples together, or of pairs) ranks are tested exactly, also with ties. */
#define EXACT_MAX 50

struct welch {
	double t, df, p;
};
/*
 * Welch's t test, for samples whose variances may differ. NaN with less than two values in a sample. If neither sample
 * varies, p is 1 for equal means and 0 for different ones.
 */
struct welch welch_test(const struct sample *a, const struct sample *b);

struct rank_test {
	double statistic; /* U of the first sample, or the sum of the ranks of positive differences */
	double p;
	bool exact; /* all arrangements were counted; false: normal approximation, corrected for ties and continuity */
};
/* The Mann-Whitney U test. NaN if a sample is empty or memory is short. */
struct rank_test mann_whitney_test(const double *a, size_t n, const double *b, size_t m);
/* The Wilcoxon signed rank test of differences of pairs. Differences of 0 are left out; NaN if none is left. */
struct rank_test signed_rank_test(const double *difference, size_t n);

/* How many pairs became less and how many became more, and the sign test of that: fair coins without the ties. */
struct sign_test {
	size_t less, more, same;
	double p;
};
struct sign_test sign_test_of(const double *difference, size_t n);

/* The smallest p that mann_whitney_test() can find with samples of these sizes, and signed_rank_test() with pairs. */
double mann_whitney_least_p(size_t n, size_t m);
double signed_rank_least_p(size_t pairs);
/* The least number of values per side (or pairs) for which that p is below @alpha. */
size_t mann_whitney_samples_needed(double alpha);
size_t signed_rank_pairs_needed(double alpha);

/*
 * Benjamini and Hochberg: turns @p into @q, the least rate of false discoveries at which this one counts as a
 * discovery. NaNs stay NaN and are not counted. Returns false if memory is short.
 */
bool false_discovery_rates(const double *p, size_t n, double *q);

#endif
