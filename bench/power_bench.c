/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * power_bench.c -- what the statistical tests of `ktstr stats compare` find, beside a fixed threshold, by the
 * number of runs per side: false alarms where nothing changed (A/A), and changes of 3 % and 10 % that are found (A/B).
 *
 * A run's value is 100, times what its seed makes of it, times the change, times noise. A seed's factor has a standard
 * deviation of 8 %, the noise has one of 2 %. With equal seeds the factor is the same on both sides, as on tcg; without
 * them there are no pairs.
 *
 *   power_bench [SIMULATIONS]      (10000)
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/rng.h"
#include "stats/distribution.h"
#include "stats/significance.h"

#define RUNS_MAX    20
#define ALPHA	    0.05
#define FIXED_SHARE 0.05
#define SEED_SD	    0.08
#define NOISE_SD    0.02
#define SIMULATIONS 10000

static double normal(struct rng *r)
{
	return normal_quantile(((double)(rng_next(r) >> 11) + 0.5) / 9007199254740992.0);
}

struct samples {
	double a[RUNS_MAX], b[RUNS_MAX], difference[RUNS_MAX];
	size_t n;
};

static void draw(struct rng *r, size_t n, double effect, bool equal_seeds, struct samples *ret)
{
	ret->n = n;
	for (size_t i = 0; i < n; i++) {
		double seed = 100 * exp(SEED_SD * normal(r));
		ret->a[i] = seed * exp(NOISE_SD * normal(r));
		if (!equal_seeds)
			seed = 100 * exp(SEED_SD * normal(r));
		ret->b[i] = seed * exp(NOISE_SD * normal(r)) * (1 + effect);
		ret->difference[i] = ret->b[i] - ret->a[i];
	}
}

static bool find_fixed(const struct samples *s)
{
	struct sample a = sample_of(s->a, s->n), b = sample_of(s->b, s->n);
	return fabs(b.mean - a.mean) >= FIXED_SHARE * a.mean;
}

static bool find_welch(const struct samples *s)
{
	struct sample a = sample_of(s->a, s->n), b = sample_of(s->b, s->n);
	return welch_test(&a, &b).p < ALPHA;
}

/* As `ktstr perf-delta`: ranges that do not touch count, too. */
static bool find_bands(const struct samples *s)
{
	struct sample a = sample_of(s->a, s->n), b = sample_of(s->b, s->n);
	return welch_test(&a, &b).p < ALPHA || samples_disjoint(&a, &b);
}

static bool find_mwu(const struct samples *s)
{
	return mann_whitney_test(s->a, s->n, s->b, s->n).p < ALPHA;
}

static bool find_paired(const struct samples *s)
{
	return signed_rank_test(s->difference, s->n).p < ALPHA;
}

static const struct {
	const char *name;
	bool (*find)(const struct samples *s);
} tests[] = {
	{ "fixed 5 %", find_fixed }, { "welch", find_welch },	{ "welch or ranges", find_bands },
	{ "mwu", find_mwu },	     { "paired", find_paired },
};

static const size_t runs[] = { 3, 5, 8, 12, 20 };

/* The share of simulations, in percent, in which test @t finds a difference. */
static double share_found(size_t t, size_t n, double effect, bool equal_seeds, size_t simulations)
{
	struct rng r = { .state = n };
	struct samples s;
	size_t found = 0;
	for (size_t i = 0; i < simulations; i++) {
		draw(&r, n, effect, equal_seeds, &s);
		found += tests[t].find(&s);
	}
	return 100 * (double)found / (double)simulations;
}

static void show(double effect, bool equal_seeds, size_t simulations)
{
	for (size_t t = 0; t < ARRAY_SIZE(tests); t++) {
		if (tests[t].find == find_paired && !equal_seeds)
			continue;
		printf("%-12s %3.0f %%  %-16s", equal_seeds ? "equal seeds" : "other seeds", 100 * effect,
		       tests[t].name);
		for (size_t k = 0; k < ARRAY_SIZE(runs); k++)
			printf("  %6.1f", share_found(t, runs[k], effect, equal_seeds, simulations));
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	static const double effects[] = { 0, 0.03, 0.10 };
	size_t simulations = argc > 1 ? strtoul(argv[1], NULL, 10) : SIMULATIONS;
	printf("%zu simulations each; share in which a difference is found, in %%\n%-37s", simulations,
	       "runs          change  test");
	for (size_t k = 0; k < ARRAY_SIZE(runs); k++)
		printf("  n = %-2zu", runs[k]);
	printf("\n");
	for (size_t e = 0; e < ARRAY_SIZE(effects); e++)
		for (int equal = 0; equal < 2; equal++)
			show(effects[e], equal, simulations);
	return 0;
}
