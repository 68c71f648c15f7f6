/* SPDX-License-Identifier: GPL-2.0-only */
/* posterior.c -- see posterior.h. */
#include "posterior/posterior.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"

int lineage_line(struct lineage *h, size_t count)
{
	*h = (struct lineage){ .count = count };
	h->first = calloc(count + 1, sizeof(*h->first));
	h->parent = calloc(count, sizeof(*h->parent));
	if (!h->first || !h->parent) {
		lineage_done(h);
		return -ENOMEM;
	}
	for (size_t i = 1; i <= count; i++) {
		h->first[i] = (uint32_t)i - 1;
		h->parent[i - 1] = (uint32_t)i - 1;
	}
	return 0;
}

void lineage_done(struct lineage *h)
{
	free(h->first);
	free(h->parent);
	*h = (struct lineage){ 0 };
}

/* --- the posterior ------------------------------------------------------------------------------------------------ */

static double log_beta(double a, double b)
{
	return lgamma(a) + lgamma(b) - lgamma(a + b);
}

/* Runs at @culprit and at all points that descend from it. */
static struct tally tally_behind(const struct posterior *p, size_t culprit)
{
	struct tally sum = { 0 };
	for (size_t i = culprit; i < p->history->count; i++) {
		const struct tally *t = &p->tally[i];
		if ((t->failed || t->passed) && posterior_is_ancestor(p, i, culprit)) {
			sum.failed += t->failed;
			sum.passed += t->passed;
		}
	}
	return sum;
}

static struct tally tally_all(const struct posterior *p)
{
	struct tally sum = { 0 };
	for (size_t i = 0; i < p->history->count; i++) {
		sum.failed += p->tally[i].failed;
		sum.passed += p->tally[i].passed;
	}
	return sum;
}

static void update(struct posterior *p)
{
	size_t count = p->history->count;
	struct tally all = tally_all(p);
	double most = -INFINITY, sum = 0;
	for (size_t i = 1; i < count; i++) {
		struct tally t = tally_behind(p, i);
		p->probability[i] = log_beta(1.0 + t.failed, 1.0 + t.passed) +
				    (all.failed - t.failed) * log(LINEAGE_NOISE) +
				    (all.passed - t.passed) * log1p(-LINEAGE_NOISE);
		most = fmax(most, p->probability[i]);
	}
	for (size_t i = 1; i < count; i++)
		sum += p->probability[i] = exp(p->probability[i] - most);
	for (size_t i = 1; i < count; i++)
		p->probability[i] /= sum;
}

static void find_ancestors(struct posterior *p)
{
	const struct lineage *h = p->history;
	for (size_t i = 0; i < h->count; i++) {
		uint64_t *row = p->ancestors + i * p->words;
		row[i / 64] |= UINT64_C(1) << i % 64;
		for (uint32_t k = h->first[i]; k < h->first[i + 1]; k++) {
			REQUIRE(h->parent[k] < i);
			const uint64_t *from = p->ancestors + h->parent[k] * p->words;
			for (size_t w = 0; w <= i / 64; w++)
				row[w] |= from[w];
		}
	}
}

int posterior_init(struct posterior *p, const struct lineage *h)
{
	*p = (struct posterior){ .history = h, .words = (h->count + 63) / 64 };
	REQUIRE(h->count >= 2);
	if (h->count > LINEAGE_POINTS_MAX)
		return -E2BIG;
	p->ancestors = calloc(h->count * p->words, sizeof(*p->ancestors));
	p->probability = calloc(h->count, sizeof(*p->probability));
	p->tally = calloc(h->count, sizeof(*p->tally));
	p->untestable = calloc(h->count, sizeof(*p->untestable));
	if (!p->ancestors || !p->probability || !p->tally || !p->untestable) {
		posterior_done(p);
		return -ENOMEM;
	}
	find_ancestors(p);
	update(p);
	return 0;
}

void posterior_done(struct posterior *p)
{
	free(p->ancestors);
	free(p->probability);
	free(p->tally);
	free(p->untestable);
	*p = (struct posterior){ 0 };
}

void posterior_tell(struct posterior *p, size_t point, unsigned failed, unsigned passed)
{
	REQUIRE(point < p->history->count);
	p->tally[point].failed += failed;
	p->tally[point].passed += passed;
	update(p);
}

void posterior_skip(struct posterior *p, size_t point)
{
	REQUIRE(point < p->history->count);
	p->untestable[point] = true;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* Whether each testable point descends from both or from neither. */
static bool are_inseparable(const struct posterior *p, size_t a, size_t b)
{
	for (size_t i = a < b ? a : b; i < p->history->count; i++)
		if (!p->untestable[i] && posterior_is_ancestor(p, i, a) != posterior_is_ancestor(p, i, b))
			return false;
	return true;
}

static size_t most_probable(const struct posterior *p, const bool *except)
{
	size_t best = 0;
	for (size_t i = 1; i < p->history->count; i++)
		if (!(except && except[i]) && (!best || p->probability[i] > p->probability[best]))
			best = i;
	return best;
}

/* The group of inseparable points that contains @point. */
static size_t group_of(const struct posterior *p, size_t point, bool *member, double *ret)
{
	size_t n = 0;
	*ret = 0;
	for (size_t i = 1; i < p->history->count; i++) {
		if (!are_inseparable(p, point, i))
			continue;
		member[i] = true;
		*ret += p->probability[i];
		n++;
	}
	return n;
}

/*
 * Points of one group have the same runs behind them, and so the same probability: the group of the most probable point
 * is the most probable group, unless a larger one has less per point. That one would be below one half.
 */
size_t posterior_best(const struct posterior *p, bool *member, double *ret)
{
	memset(member, 0, p->history->count * sizeof(*member));
	return group_of(p, most_probable(p, NULL), member, ret);
}

size_t posterior_credible(const struct posterior *p, double probability, bool *member)
{
	size_t n = 0;
	double sum = 0;
	memset(member, 0, p->history->count * sizeof(*member));
	while (sum < probability && n + 1 < p->history->count) {
		size_t next = most_probable(p, member);
		member[next] = true;
		sum += p->probability[next];
		n++;
	}
	return n;
}

double posterior_rate(const struct posterior *p, size_t culprit)
{
	struct tally t = tally_behind(p, culprit);
	return (1.0 + t.failed) / (2.0 + t.failed + t.passed);
}

/* The probability that @runs at a point behind the culprit pass, after @t there: the mean of (1 - rate)^runs. */
static double all_pass(const struct tally *t, unsigned runs)
{
	double a = 1.0 + t->failed, b = 1.0 + t->passed, q = 1;
	for (unsigned i = 0; i < runs; i++)
		q *= (b + i) / (a + b + i);
	return q;
}

unsigned posterior_runs(const struct posterior *p, size_t culprit, double error, unsigned max)
{
	struct tally t = tally_behind(p, culprit);
	unsigned n = 1;
	while (n < max && all_pass(&t, n) > error)
		n++;
	return n;
}

/* --- what to run next --------------------------------------------------------------------------------------------- */

static double entropy(double q)
{
	return q <= 0 || q >= 1 ? 0 : -q * log2(q) - (1 - q) * log2(1 - q);
}

unsigned posterior_remaining(const struct posterior *p, double error)
{
	double bits = 0, rate = posterior_rate(p, most_probable(p, NULL));
	for (size_t i = 1; i < p->history->count; i++)
		bits += p->probability[i] > 0 ? -p->probability[i] * log2(p->probability[i]) : 0;
	double capacity = log2(1 + rate * pow(1 - rate, (1 - rate) / rate));
	return (unsigned)ceil(bits / capacity + log(error) / log1p(-rate));
}

/* Of one size of batch, for each possible culprit: what a point that descends from it would show. */
struct outlook {
	double *fails;	    /* probability of a failure among the runs, times that of the culprit */
	double *entropy;    /* of that, likewise */
	double *runs;	    /* runs until the first failure, likewise */
	double noise_fails; /* the same for a point that does not descend from the culprit */
	double noise_entropy;
};

static void look_ahead(const struct posterior *p, const struct tally *behind, unsigned runs, struct outlook *o)
{
	for (size_t i = 1; i < p->history->count; i++) {
		double fails = 1 - all_pass(&behind[i], runs), rate;
		rate = (1.0 + behind[i].failed) / (2.0 + behind[i].failed + behind[i].passed);
		o->fails[i] = fails * p->probability[i];
		o->entropy[i] = entropy(fails) * p->probability[i];
		o->runs[i] = (1 - pow(1 - rate, runs)) / rate * p->probability[i];
	}
	o->noise_fails = 1 - pow(1 - LINEAGE_NOISE, runs);
	o->noise_entropy = entropy(o->noise_fails);
}

/* Bits about the culprit that @runs at @point promise; @ret_runs: how many runs that takes on average. */
static double information(const struct posterior *p, const struct outlook *o, size_t point, unsigned runs,
			  double *ret_runs)
{
	const uint64_t *row = p->ancestors + point * p->words;
	double mass = 0, fails = 0, known = 0;
	*ret_runs = 0;
	for (size_t w = 0; w <= point / 64; w++) {
		for (uint64_t bits = row[w]; bits; bits &= bits - 1) {
			size_t i = w * 64 + (size_t)__builtin_ctzll(bits);
			mass += p->probability[i];
			fails += o->fails[i];
			known += o->entropy[i];
			*ret_runs += o->runs[i];
		}
	}
	*ret_runs += (1 - mass) * runs;
	return entropy(fails + (1 - mass) * o->noise_fails) - known - (1 - mass) * o->noise_entropy;
}

#define INFORMATION_MIN 1e-9 /* bits: less is an error of rounding */

/* A larger batch may promise so much less per cost: it ends at its first failure anyway. */
#define LARGER_BATCH 0.95

struct choice {
	size_t point;
	unsigned runs;
	double value; /* bits per cost */
};

static void weigh_points(const struct posterior *p, const struct posterior_cost *cost, const struct outlook *o,
			 unsigned runs, struct choice *best)
{
	for (size_t i = 1; i < p->history->count; i++) {
		double expected;
		if (p->untestable[i])
			continue;
		double bits = information(p, o, i, runs, &expected);
		double rounds = fmax(1, expected / cost->batch);
		double price = cost->run * rounds + (cost->is_ready && !cost->is_ready[i] ? cost->prepare : 0);
		double wanted = best->value * (runs > best->runs ? LARGER_BATCH : 1);
		if (bits > INFORMATION_MIN && bits / price > wanted)
			*best = (struct choice){ i, runs, bits / price };
	}
}

bool posterior_choose(const struct posterior *p, const struct posterior_cost *cost, size_t *ret_point,
		      unsigned *ret_runs)
{
	size_t count = p->history->count;
	struct tally *behind = calloc(count, sizeof(*behind));
	double *room = calloc(3 * count, sizeof(*room));
	struct choice best = { 0 };
	struct outlook o = { 0 };
	if (behind && room) {
		o = (struct outlook){ .fails = room, .entropy = room + count, .runs = room + 2 * count };
		for (size_t i = 1; i < count; i++)
			behind[i] = tally_behind(p, i);
		for (unsigned runs = cost->batch; runs <= LINEAGE_BATCH_MAX; runs *= 2) {
			look_ahead(p, behind, runs, &o);
			weigh_points(p, cost, &o, runs, &best);
		}
	}
	free(behind);
	free(room);
	*ret_point = best.point;
	*ret_runs = best.runs;
	return best.point;
}
