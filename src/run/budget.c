/* SPDX-License-Identifier: GPL-2.0-only */
/* budget.c -- see budget.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/budget.h"
#include "run/planner.h"

#define STARTS_MAX 256 /* number of first items that budget_select() tries */

/* --- features: one bit each; some bits are unused and stay 0 ------------------------------------------------------ */

static unsigned djb2(const char *text)
{
	uint64_t h = 5381;
	for (; *text; text++)
		h = h * 33 + (unsigned char)*text;
	return (unsigned)(h % 4);
}

/* The index of the first limit that is at least @value; @count if there is none. */
static unsigned bucket(uint64_t value, const unsigned *limits, unsigned count)
{
	unsigned i = 0;
	while (i < count && value > limits[i])
		i++;
	return i;
}

uint64_t budget_features(const struct plan_case *c)
{
	static const unsigned cpus[] = { 8, 16, 64, 128 }, llcs[] = { 1, 2, 4, 8 }, secs[] = { 2, 10 };
	static const unsigned nodes[] = { 1, 2, 4 };
	const struct test_decl *t = c->test;
	uint64_t f = 0, one = 1;
	f |= one << djb2(t->scheduler ? t->scheduler->name : "eevdf");
	f |= one << (22 + bucket(topology_cpus(&c->topology), cpus, ARRAY_SIZE(cpus)));
	f |= one << (27 + bucket(c->topology.llcs, llcs, ARRAY_SIZE(llcs)));
	f |= (uint64_t)(c->topology.threads > 1) << 32;
	f |= (uint64_t)t->expect_err << 35;
	f |= one << (36 + bucket((uint64_t)t->duration / NSEC_PER_SEC, secs, ARRAY_SIZE(secs)));
	f |= (uint64_t)(t->workers_per_cgroup > 2) << 39;
	f |= (uint64_t)(c->preset != NULL) << 40;
	f |= one << (41 + djb2(t->name));
	f |= one << (45 + bucket(c->topology.numa_nodes, nodes, ARRAY_SIZE(nodes)));
	return f;
}

/* --- coverage ----------------------------------------------------------------------------------------------------- */

struct cover {
	uint64_t features;
	uint64_t pair[BUDGET_FEATURES]; /* bit b of pair[a]: one item has both features */
};

static unsigned count_bits(uint64_t v)
{
	return (unsigned)__builtin_popcountll(v);
}

static unsigned new_features(const struct cover *c, uint64_t f)
{
	return count_bits(f & ~c->features);
}

static unsigned new_pairs(const struct cover *c, uint64_t f)
{
	unsigned sum = 0;
	for (uint64_t left = f; left; left &= left - 1) {
		unsigned a = (unsigned)__builtin_ctzll(left);
		sum += count_bits(f & ~c->pair[a] & ~((uint64_t)1 << a));
	}
	return sum / 2;
}

static void cover(struct cover *c, uint64_t f)
{
	c->features |= f;
	for (uint64_t left = f; left; left &= left - 1)
		c->pair[__builtin_ctzll(left)] |= f;
}

static unsigned covered_pairs(const struct cover *c)
{
	unsigned sum = 0;
	for (unsigned a = 0; a < BUDGET_FEATURES; a++)
		sum += count_bits(c->pair[a] & ~((uint64_t)1 << a));
	return sum / 2;
}

void budget_measure(const struct budget_item *item, size_t count, const bool *keep, struct budget_report *ret)
{
	struct cover kept = { 0 }, all = { 0 };
	*ret = (struct budget_report){ .total = count };
	for (size_t i = 0; i < count; i++) {
		cover(&all, item[i].features);
		if (!keep[i])
			continue;
		cover(&kept, item[i].features);
		ret->kept++;
		ret->used += item[i].cost;
	}
	ret->features = count_bits(kept.features);
	ret->features_possible = count_bits(all.features);
	ret->pairs = covered_pairs(&kept);
	ret->pairs_possible = covered_pairs(&all);
}

/* --- choosing ----------------------------------------------------------------------------------------------------- */

struct choice {
	const struct budget_item *item;
	size_t count;
	nsec_t left;
	bool *keep;
	struct cover cover;
};

static void take(struct choice *c, size_t i)
{
	c->keep[i] = true;
	c->left -= c->item[i].cost;
	cover(&c->cover, c->item[i].features);
}

typedef unsigned gain_fn(const struct cover *c, uint64_t features);

/* Repeatedly takes the item that fits and has the highest gain per second, until no item has a gain. */
static void take_greedily(struct choice *c, gain_fn *gain)
{
	for (;;) {
		size_t best = SIZE_MAX;
		double best_rate = 0;
		for (size_t i = 0; i < c->count; i++) {
			if (c->keep[i] || c->item[i].cost > c->left)
				continue;
			double rate = gain(&c->cover, c->item[i].features) / (double)c->item[i].cost;
			bool tie = best != SIZE_MAX && rate == best_rate;
			if (rate <= 0 || (tie && strcmp(c->item[i].name, c->item[best].name) >= 0) ||
			    (!tie && rate <= best_rate))
				continue;
			best = i;
			best_rate = rate;
		}
		if (best == SIZE_MAX)
			return;
		take(c, best);
	}
}

int budget_greedy(const struct budget_item *item, size_t count, nsec_t budget, bool *keep)
{
	struct choice c = { .item = item, .count = count, .left = budget, .keep = keep };
	memset(keep, 0, count * sizeof(*keep));
	take_greedily(&c, new_features);
	return 0;
}

/* True if @a covers more features than @b, or as many in less time. */
static bool is_better(const struct choice *a, const struct choice *b)
{
	unsigned x = count_bits(a->cover.features), y = count_bits(b->cover.features);
	return x != y ? x > y : a->left > b->left;
}

/*
 * A greedy choice with a bad first item can cover far less than possible. This function tries each item as the first
 * one (at most STARTS_MAX, evenly spaced) and keeps the best choice; see Khuller, Moss, Naor: "The budgeted maximum
 * coverage problem", 1999. It spends the rest of the time on pairs of features, greedily.
 */
int budget_select(const struct budget_item *item, size_t count, nsec_t budget, bool *keep)
{
	_cleanup_free_ bool *tried = calloc(count + 1, sizeof(*tried));
	if (!tried)
		return -ENOMEM;
	struct choice best = { .item = item, .count = count, .left = budget, .keep = keep };
	memset(keep, 0, count * sizeof(*keep));
	take_greedily(&best, new_features);
	size_t step = count / STARTS_MAX + 1;
	for (size_t first = 0; first < count; first += step) {
		if (item[first].cost > budget)
			continue;
		struct choice c = { .item = item, .count = count, .left = budget, .keep = tried };
		memset(tried, 0, count * sizeof(*tried));
		take(&c, first);
		take_greedily(&c, new_features);
		if (!is_better(&c, &best))
			continue;
		memcpy(keep, tried, count * sizeof(*keep));
		c.keep = keep;
		best = c;
	}
	take_greedily(&best, new_pairs);
	return 0;
}

/* --- plans -------------------------------------------------------------------------------------------------------- */

bool budget_parse(const char *text, nsec_t *ret)
{
	char *end;
	double secs = strtod(text, &end);
	if (end == text || *end || !isfinite(secs) || secs <= 0 || secs > 1e9)
		return false;
	*ret = (nsec_t)(secs * 1e9);
	return true;
}

int plan_budget(struct plan *p, nsec_t budget, struct budget_report *ret)
{
	_cleanup_free_ struct budget_item *item = calloc(p->count + 1, sizeof(*item));
	_cleanup_free_ bool *runs = calloc(p->count + 1, sizeof(*runs)), *keep = calloc(p->count + 1, sizeof(*keep));
	if (!item || !runs || !keep)
		return -ENOMEM;
	for (size_t i = 0; i < p->count; i++)
		runs[i] = !p->item[i].skip && !p->item[i].problem;
	plan_keep(p, runs);
	for (size_t i = 0; i < p->count; i++)
		item[i] = (struct budget_item){ budget_features(&p->item[i]), MAX_OF(p->item[i].estimate, 1),
						p->item[i].name };
	int r = budget_select(item, p->count, budget, keep);
	if (r < 0)
		return r;
	budget_measure(item, p->count, keep, ret);
	plan_keep(p, keep);
	return 0;
}
