/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * budget.h -- selects the cases that cover most features within a time: KTSTR_BUDGET_SECS.
 *
 * A case has up to 64 features (scheduler, sizes, SMT, length, ...). budget_greedy() repeatedly takes the case with the
 * most new features per second. budget_select() covers as many features or more, and spends the remaining time on pairs
 * of features, because some bugs need a combination of two.
 */
#ifndef KTSTR_RUN_BUDGET_H
#define KTSTR_RUN_BUDGET_H

#include "run/plan.h"

#define BUDGET_FEATURES 64

struct budget_item {
	uint64_t features;
	nsec_t cost;	  /* > 0 */
	const char *name; /* breaks ties */
};

struct budget_report {
	size_t kept, total;
	nsec_t used;
	unsigned features, features_possible; /* covered by the kept items; covered by all items */
	unsigned pairs, pairs_possible;
};

uint64_t budget_features(const struct plan_case *c);
/* Both fill @keep, which has @count entries. Return 0 or -ENOMEM. */
int budget_greedy(const struct budget_item *item, size_t count, nsec_t budget, bool *keep);
int budget_select(const struct budget_item *item, size_t count, nsec_t budget, bool *keep);
void budget_measure(const struct budget_item *item, size_t count, const bool *keep, struct budget_report *ret);

/* Parses seconds, a number above 0 that may have a fraction. False: not such a number. */
bool budget_parse(const char *text, nsec_t *ret);
/* Keeps the cases that fit @budget. Drops cases with a skip reason or a problem. Needs plan_estimate() first. */
int plan_budget(struct plan *p, nsec_t budget, struct budget_report *ret);

#endif
