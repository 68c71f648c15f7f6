/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bisect_bench.c -- bisections of simulated histories of 64 commits whose fault shows in some runs only: how often the
 * answer is right, and how many machine runs it takes; `ktstr bisect` beside plain bisection, which knows the rate and
 * repeats each commit until a miss has the same probability. One JSON object per line.
 */
#include <math.h>
#include <stdio.h>

#include "flaky_history.h"

#define COMMITS 64
#define SEEDS	200
#define ERROR	0.01

static const double rates[] = { 0.1, 0.2, 0.5 };

struct sums {
	unsigned right, wrong, open;
	double runs, search, ends, prepared;
};

static struct flaky_history world(const struct lineage *h, double rate, uint64_t seed)
{
	struct rng r = { seed };
	return (struct flaky_history){
		.history = h, .rate = rate, .culprit = 1 + rng_below(&r, COMMITS), .rng = { rng_next(&r) }
	};
}

static void print(const char *what, double rate, const struct sums *s)
{
	printf("{\"method\":\"%s\",\"rate\":%g,\"commits\":%d,\"histories\":%d,\"right\":%u,\"wrong\":%u,\"undecided\":"
	       "%u,"
	       "\"runs\":%.1f,\"runs_search\":%.1f,\"runs_ends_and_check\":%.1f,\"commits_built\":%.1f}\n",
	       what, rate, COMMITS, SEEDS, s->right, s->wrong, s->open, s->runs / SEEDS, s->search / SEEDS,
	       s->ends / SEEDS, s->prepared / SEEDS);
}

static void bench_ours(const struct lineage *h, double rate, double prepare, const char *what)
{
	const struct strategy s = { .error = ERROR, .calibrate_max = 200, .runs_max = 5000 };
	struct sums sums = { 0 };
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct flaky_history w = world(h, rate, seed);
		struct flaky_answer a = flaky_bisect(&w, &s, prepare, 1);
		bool is_found = a.answer == STRATEGY_FOUND;
		sums.right += is_found && a.has_culprit;
		sums.wrong += is_found && !a.has_culprit;
		sums.open += !is_found;
		sums.runs += a.runs;
		sums.search += w.runs[PHASE_SEARCH];
		sums.ends += a.runs - w.runs[PHASE_SEARCH];
		sums.prepared += (double)w.prepared;
	}
	print(what, rate, &sums);
}

static void bench_plain(const struct lineage *h, double rate, bool stop, const char *what)
{
	unsigned repeats = (unsigned)ceil(log(ERROR / log2(COMMITS)) / log1p(-rate));
	struct sums sums = { 0 };
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		struct flaky_history w = world(h, rate, seed);
		unsigned runs;
		bool right = flaky_plain(&w, repeats, stop, &runs);
		sums.right += right;
		sums.wrong += !right;
		sums.runs += runs;
		sums.search += runs;
		sums.prepared += log2(COMMITS);
	}
	print(what, rate, &sums);
}

int main(void)
{
	struct lineage h;
	if (lineage_line(&h, COMMITS + 1) < 0)
		return 1;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		bench_ours(&h, rates[i], 0, "posterior");
		bench_ours(&h, rates[i], 10, "posterior, a build costs 10 runs");
		bench_plain(&h, rates[i], true, "plain, stops at a failure");
		bench_plain(&h, rates[i], false, "plain, N repeats");
	}
	lineage_done(&h);
	return fflush(stdout) ? 1 : 0;
}
