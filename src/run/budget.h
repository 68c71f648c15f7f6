/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * budget.h -- the cases that say most within a time: KTSTR_BUDGET_SECS.
 *
 * A case has up to 64 features (scheduler, sizes, SMT, length, ...). budget_greedy() is the reference's rule: the most
 * new features a second, until there are none. budget_select() covers as many features or more, and spends what is
 * left on pairs of features, which is where the bugs are that one dimension alone does not show.
 */
#ifndef KTSTR_RUN_BUDGET_H
#define KTSTR_RUN_BUDGET_H

#include "run/plan.h"

#define BUDGET_FEATURES 64

struct budget_item {
	uint64_t features;
	nsec_t cost;	  /* > 0 */
	const char *name; /* decides ties */
};

struct budget_report {
	size_t kept, total;
	nsec_t used;
	unsigned features, features_possible; /* covered, of those that any item has */
	unsigned pairs, pairs_possible;
};

uint64_t budget_features(const struct plan_case *c);
/* Both fill @keep, of @count entries; -ENOMEM. */
int budget_greedy(const struct budget_item *item, size_t count, nsec_t budget, bool *keep);
int budget_select(const struct budget_item *item, size_t count, nsec_t budget, bool *keep);
void budget_measure(const struct budget_item *item, size_t count, const bool *keep, struct budget_report *ret);

/* Whole seconds or a fraction of them, above 0; false for anything else. */
bool budget_parse(const char *text, nsec_t *ret);
/* Keeps of the plan what fits @budget; what is skipped anyway is dropped. The plan has its estimates. */
int plan_budget(struct plan *p, nsec_t budget, struct budget_report *ret);

#endif
