/* SPDX-License-Identifier: GPL-2.0-only */
/* Statistics: values computed by hand, and values recorded from SciPy (tests/statistics/record.py). */
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "stats/distribution.h"
#include "stats/significance.h"
#include "t.h"

#define VALUES_MAX 64

static void t_near(double got, double want, double relative)
{
	ck_assert_msg(fabs(got - want) <= relative * fmax(fabs(want), 1e-12), "%.12g is not %.12g", got, want);
}

START_TEST(distributions_have_their_known_values)
{
	t_near(normal_cdf(0), 0.5, 1e-15);
	t_near(normal_cdf(1.959963984540054), 0.975, 1e-12);
	t_near(normal_quantile(0.975), 1.959963984540054, 1e-10);
	t_near(normal_quantile(0.2), -0.8416212335729143, 1e-10);
	/* One degree of freedom is Cauchy's distribution: P(|T| >= 1) is 1/2. */
	t_near(t_two_sided(1, 1), 0.5, 1e-12);
	t_near(t_two_sided(2.228138852, 10), 0.05, 1e-8);
	t_near(t_critical(0.05, 10), 2.228138851965, 1e-9);
	ck_assert_double_eq(t_two_sided(INFINITY, 3), 0);
	t_near(coin_cdf(0, 3), 0.125, 1e-12);
	t_near(coin_cdf(1, 3), 0.5, 1e-12);
	ck_assert_double_eq(coin_cdf(3, 3), 1);
	t_near(coin_cdf(4990, 10000), 0.42469, 1e-4);
}
END_TEST

START_TEST(samples_have_mean_variance_and_band)
{
	const double value[] = { 2, 4, 4, 4, 5, 5, 7, 9 }, one[] = { 3 }, tenth[] = { 0.1, 0.1, 0.1 };
	struct sample s = sample_of(value, 8), single = sample_of(one, 1), none = sample_of(NULL, 0);
	ck_assert_double_eq(s.mean, 5);
	t_near(s.variance, 32.0 / 7, 1e-14);
	ck_assert(s.min == 2 && s.max == 9 && s.n == 8);
	t_near(sample_spread_pct(&s), 140, 1e-14);
	ck_assert(single.variance == 0 && single.mean == 3 && none.n == 0);
	ck_assert_double_eq(sample_of(tenth, 3).variance, 0);
	const double around[] = { -1, 1 };
	struct sample zero = sample_of(around, 2);
	ck_assert(isinf(sample_spread_pct(&zero)) && sample_spread_pct(&single) == 0);
	const double far[] = { 10, 11 }, touching[] = { 9, 12 };
	struct sample f = sample_of(far, 2), t = sample_of(touching, 2);
	ck_assert(samples_disjoint(&s, &f) && samples_disjoint(&f, &s));
	ck_assert(!samples_disjoint(&s, &t) && !samples_disjoint(&s, &none));
}
END_TEST

/* For 6 values the whole range holds the median with 1 - 2/64 = 96.9 %; for 5 it is 1 - 2/32 = 93.75 %. */
START_TEST(medians_have_intervals_of_order_statistics)
{
	double six[] = { 6, 1, 5, 2, 4, 3 }, five[] = { 1, 2, 3, 4, 5 }, ten[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	struct median m = median_of(six, 6, 0.95), few = median_of(five, 5, 0.95), more = median_of(ten, 10, 0.95);
	ck_assert(m.value == 3.5 && m.low == 1 && m.high == 6);
	t_near(m.confidence, 1 - 2.0 / 64, 1e-12);
	ck_assert(few.value == 3 && isinf(few.low) && isinf(few.high) && few.confidence == 0);
	/* P(X <= 1) of 10 is 11/1024, P(X <= 2) is 56/1024: the second value from each end. */
	ck_assert(more.low == 2 && more.high == 9);
	t_near(more.confidence, 1 - 22.0 / 1024, 1e-12);
	ck_assert_uint_eq(median_samples_needed(0.95), 6);
	ck_assert_uint_eq(median_samples_needed(0.99), 8);
	t_near(median_reach(&more), fmax(9 / 5.5 - 1, 1 - 2 / 5.5), 1e-12);
	ck_assert(isnan(median_of(NULL, 0, 0.95).value));
}
END_TEST

START_TEST(geometric_means_skip_what_is_not_positive)
{
	const double value[] = { 1, 100, 0, -3, 10 }, none[] = { 0 };
	size_t skipped;
	t_near(geometric_mean(value, 5, &skipped), 10, 1e-12);
	ck_assert_uint_eq(skipped, 2);
	ck_assert(isnan(geometric_mean(none, 1, &skipped)) && skipped == 1);
}
END_TEST

/*
 * By hand: a = {1,2,3}, b = {2,4,6,8}: means 2 and 5, va/n = 1/3, vb/m = (20/3)/4 = 5/3, t = -3 / sqrt(2), df = 4 /
 * (1/18 + 25/27).
 */
START_TEST(welch_by_hand)
{
	const double a[] = { 1, 2, 3 }, b[] = { 2, 4, 6, 8 }, same[] = { 7, 7 }, other[] = { 8, 8 };
	struct sample sa = sample_of(a, 3), sb = sample_of(b, 4), s = sample_of(same, 2), o = sample_of(other, 2);
	struct welch w = welch_test(&sa, &sb);
	t_near(w.t, -3 / M_SQRT2, 1e-14);
	t_near(w.df, 4 / (1.0 / 18 + 25.0 / 27), 1e-12);
	ck_assert_double_eq(welch_test(&s, &s).p, 1);
	ck_assert_double_eq(welch_test(&s, &o).p, 0);
	struct sample single = sample_of(a, 1);
	ck_assert(isnan(welch_test(&single, &sb).p));
}
END_TEST

/* The smallest p of n + n values is 2 / C(2n, n): a test of 3 + 3 can never be significant at 0.05. */
START_TEST(rank_tests_by_hand)
{
	static const double least[] = { 0, 1, 1.0 / 3, 0.1, 2.0 / 70, 2.0 / 252, 2.0 / 924 };
	const double low[] = { 1, 2, 3, 4, 5, 6 }, high[] = { 11, 12, 13, 14, 15, 16 };
	for (size_t n = 2; n <= 6; n++) {
		struct rank_test t = mann_whitney_test(low, n, high, n);
		ck_assert(t.exact && t.statistic == 0);
		t_near(t.p, least[n], 1e-12);
		t_near(mann_whitney_least_p(n, n), least[n], 1e-10);
	}
	ck_assert_uint_eq(mann_whitney_samples_needed(0.05), 4);
	/* Equal values only: every arrangement has the same sum. */
	ck_assert_double_eq(mann_whitney_test(low, 1, low, 1).p, 1);
	ck_assert(isnan(mann_whitney_test(low, 0, low, 1).p));
	/* Of 2^6 signs, one has all positive and one all negative. */
	const double up[] = { 1, 2, 3, 4, 5, 6 }, mixed[] = { 3, -1, 0, 2 }, none[] = { 0, 0 };
	t_near(signed_rank_test(up, 6).p, 2.0 / 64, 1e-12);
	t_near(signed_rank_least_p(6), 2.0 / 64, 1e-12);
	ck_assert_uint_eq(signed_rank_pairs_needed(0.05), 6);
	/* |3|, |1|, |2| have ranks 3, 1, 2; positive: 5 of 6. Sums of at least 5: 5 and 6, of 8 arrangements. */
	ck_assert_double_eq(signed_rank_test(mixed, 4).statistic, 5);
	t_near(signed_rank_test(mixed, 4).p, 0.5, 1e-12);
	ck_assert(isnan(signed_rank_test(none, 2).p));
	struct sign_test s = sign_test_of(mixed, 4);
	ck_assert(s.less == 1 && s.more == 2 && s.same == 1);
	ck_assert_double_eq(s.p, 1);
	t_near(sign_test_of(up, 6).p, 2.0 / 64, 1e-12);
}
END_TEST

/* The example of their paper's method: q = min over later ranks of p * n / rank. */
START_TEST(false_discovery_rates_by_hand)
{
	const double p[] = { 0.04, 0.01, NAN, 0.03, 0.5 };
	double q[5];
	ck_assert(false_discovery_rates(p, 5, q));
	t_near(q[1], 0.04, 1e-12);
	t_near(q[3], 0.04 * 4 / 3, 1e-12); /* 0.03 * 4 / 2 = 0.06 is more than that of the next */
	t_near(q[0], 0.04 * 4 / 3, 1e-12);
	t_near(q[4], 0.5, 1e-12);
	ck_assert(isnan(q[2]));
}
END_TEST

/* Cohen's tables for power 0.8 at 0.05: d = 0.5 needs 64 per side, d = 0.8 needs 26, d = 1 needs 17; 34 pairs at 0.5 */
START_TEST(power_is_that_of_cohens_tables)
{
	ck_assert_uint_eq(samples_needed(1, 0.5, 0.05, 0.8, false), 64);
	ck_assert_uint_eq(samples_needed(1, -0.8, 0.05, 0.8, false), 26);
	ck_assert_uint_eq(samples_needed(2, 2, 0.05, 0.8, false), 17);
	ck_assert_uint_eq(samples_needed(1, 0.5, 0.05, 0.8, true), 34);
	ck_assert_uint_eq(samples_needed(1, 0, 0.05, 0.8, true), SIZE_MAX);
	ck_assert_uint_eq(samples_needed(0, 1, 0.05, 0.8, true), 2);
}
END_TEST

/* --- how often they are right ------------------------------------------------------------------------------------- */

#define RUNS 8

/* Roughly normal: the sum of twelve uniform numbers has variance 1. */
static double draw(struct rng *r, double mean, double sd)
{
	double sum = -6;
	for (int i = 0; i < 12; i++)
		sum += (double)(rng_next(r) >> 11) / (double)((uint64_t)1 << 53);
	return mean + sd * sum;
}

/* Shares of comparisons that each test calls a difference. Results of one seed move together by @common. */
static void simulate(unsigned comparisons, double effect, size_t n, double common, double share[3])
{
	struct rng r = { 7 };
	double a[VALUES_MAX], b[VALUES_MAX], d[VALUES_MAX];
	unsigned found[3] = { 0 };
	for (unsigned i = 0; i < comparisons; i++) {
		for (size_t k = 0; k < n; k++) {
			double seed = draw(&r, 100, common);
			a[k] = draw(&r, seed, 1);
			b[k] = draw(&r, seed + effect, 1);
			d[k] = b[k] - a[k];
		}
		struct sample sa = sample_of(a, n), sb = sample_of(b, n);
		found[0] += welch_test(&sa, &sb).p < 0.05;
		found[1] += mann_whitney_test(a, n, b, n).p < 0.05;
		found[2] += signed_rank_test(d, n).p < 0.05;
	}
	for (int t = 0; t < 3; t++)
		share[t] = (double)found[t] / comparisons;
}

/* Three standard errors of a share of 0.05 of 10,000 are 0.0065. */
START_TEST(equal_sides_raise_no_more_alarms_than_stated)
{
	double share[3];
	simulate(10000, 0, RUNS, 0, share);
	for (int t = 0; t < 3; t++)
		ck_assert_msg(share[t] <= 0.0565, "test %d: %g", t, share[t]);
	ck_assert(share[0] > 0.03 && share[1] > 0.02 && share[2] > 0.02);
}
END_TEST

START_TEST(as_many_samples_as_needed_have_the_stated_power)
{
	double share[3];
	size_t n = samples_needed(1, 1, 0.05, 0.8, false);
	simulate(2000, 1, n, 0, share);
	ck_assert_msg(share[0] > 0.78 && share[0] < 0.84, "n = %zu: %g", n, share[0]);
	/* Where seeds differ much, only pairs see the effect. */
	simulate(2000, 2, RUNS, 10, share);
	ck_assert_msg(share[0] < 0.1 && share[1] < 0.1 && share[2] > 0.8, "%g %g %g", share[0], share[1], share[2]);
}
END_TEST

/* --- recorded ----------------------------------------------------------------------------------------------------- */

static void make_samples(unsigned long seed, size_t n, size_t m, bool ties, double *a, double *b)
{
	struct rng r = { seed };
	rng_next(&r), rng_next(&r); /* the sizes, which the line has */
	uint64_t shift = rng_next(&r) % (ties ? 4 : (uint64_t)1 << 39), values = ties ? 8 : (uint64_t)1 << 40;
	for (size_t i = 0; i < n; i++)
		a[i] = (double)(1 + rng_next(&r) % values);
	for (size_t i = 0; i < m; i++)
		b[i] = (double)(1 + shift + rng_next(&r) % values);
}

static unsigned compared;

static void compare(const char *want, double got, unsigned long seed, const char *what)
{
	if (!strcmp(want, "-"))
		return;
	double value = strtod(want, NULL);
	compared++;
	ck_assert_msg(fabs(got - value) <= 1e-8 * fabs(value) + 1e-11, "seed %lu: %s is %.12g, not %s", seed, what, got,
		      want);
}

static void check_line(const char *line)
{
	double a[VALUES_MAX], b[VALUES_MAX], all[2 * VALUES_MAX];
	unsigned long seed;
	size_t n, m, skipped;
	int ties;
	char want[9][32];
	ck_assert_int_eq(sscanf(line, "%lu %zu %zu %d %31s %31s %31s %31s %31s %31s %31s %31s %31s", &seed, &n, &m,
				&ties, want[0], want[1], want[2], want[3], want[4], want[5], want[6], want[7], want[8]),
			 13);
	ck_assert(n <= VALUES_MAX && m <= VALUES_MAX);
	make_samples(seed, n, m, ties, a, b);
	struct sample sa = sample_of(a, n), sb = sample_of(b, m);
	struct welch w = welch_test(&sa, &sb);
	struct rank_test u = mann_whitney_test(a, n, b, m);
	memcpy(all, a, n * sizeof(*a));
	memcpy(all + n, b, m * sizeof(*b));
	for (size_t i = 0; i < MIN_OF(n, m); i++)
		b[i] -= a[i];
	struct rank_test s = signed_rank_test(b, MIN_OF(n, m));
	double got[] = { w.t,
			 w.df,
			 w.p,
			 u.statistic,
			 u.p,
			 s.statistic,
			 s.p,
			 sign_test_of(b, MIN_OF(n, m)).p,
			 geometric_mean(all, n + m, &skipped) };
	static const char *const names[] = { "t",
					     "df",
					     "Welch's p",
					     "U",
					     "Mann-Whitney's p",
					     "sum of ranks",
					     "Wilcoxon's p",
					     "p of the signs",
					     "geometric mean" };
	for (size_t i = 0; i < ARRAY_SIZE(got); i++)
		compare(want[i], got[i], seed, names[i]);
}

START_TEST(tests_equal_scipys_on_random_samples)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	unsigned lines = 0;
	t_ok(file_read(RECORDED, 1 << 20, &text, NULL));
	for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n"), lines++)
		check_line(line);
	ck_assert_uint_eq(lines, 1000);
	ck_assert_uint_ge(compared, 8000);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, distributions_have_their_known_values);
	tcase_add_test(tc, samples_have_mean_variance_and_band);
	tcase_add_test(tc, medians_have_intervals_of_order_statistics);
	tcase_add_test(tc, geometric_means_skip_what_is_not_positive);
	tcase_add_test(tc, welch_by_hand);
	tcase_add_test(tc, rank_tests_by_hand);
	tcase_add_test(tc, false_discovery_rates_by_hand);
	tcase_add_test(tc, power_is_that_of_cohens_tables);
	tcase_add_test(tc, equal_sides_raise_no_more_alarms_than_stated);
	tcase_add_test(tc, as_many_samples_as_needed_have_the_stated_power);
	tcase_add_test(tc, tests_equal_scipys_on_random_samples);
}

int main(void)
{
	return t_main("statistics", fill);
}
