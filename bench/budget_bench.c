/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * budget_bench.c -- budget_bench PATH...: the coverage of KTSTR_BUDGET_SECS over the gauntlet of those test binaries,
 * compared in one run with the rule that takes the most new features per second. Times are the model's, backend tcg.
 * One JSON object per line.
 */
#include <stdio.h>

#include "base/file.h"
#include "reactor/reactor.h"
#include "run/budget.h"
#include "run/planner.h"

struct row {
	const char *rule;
	int (*select)(const struct budget_item *item, size_t count, nsec_t budget, bool *keep);
};

static const struct row rules[] = { { "greedy", budget_greedy }, { "ktstr", budget_select } };
static const unsigned budgets[] = { 30, 60, 120, 300, 600, 900, 1800 };

static void run_rule(const struct row *row, const struct budget_item *item, size_t count, unsigned secs, bool *keep)
{
	struct budget_report report;
	nsec_t began = nsec_now();
	if (row->select(item, count, secs * NSEC_PER_SEC, keep) < 0)
		return;
	nsec_t took = nsec_now() - began;
	budget_measure(item, count, keep, &report);
	printf("{\"rule\":\"%s\",\"budget_s\":%u,\"tests\":%zu,\"of\":%zu,\"used_s\":%.1f,\"features\":%u,\"features_"
	       "of\":%u,"
	       "\"pairs\":%u,\"pairs_of\":%u,\"choosing_ms\":%.2f}\n",
	       row->rule, secs, report.kept, report.total, (double)report.used / 1e9, report.features,
	       report.features_possible, report.pairs, report.pairs_possible, (double)took / 1e6);
}

static int run(const struct plan *plan)
{
	struct budget_item *item = calloc(plan->count + 1, sizeof(*item));
	bool *keep = calloc(plan->count + 1, sizeof(*keep));
	size_t count = 0;
	for (size_t i = 0; item && keep && i < plan->count; i++)
		if (!plan->item[i].skip)
			item[count++] = (struct budget_item){ budget_features(&plan->item[i]), plan->item[i].estimate,
							      plan->item[i].name };
	for (size_t i = 0; i < ARRAY_SIZE(budgets); i++)
		for (size_t k = 0; k < ARRAY_SIZE(rules); k++)
			run_rule(&rules[k], item, count, budgets[i], keep);
	free(item);
	free(keep);
	return 0;
}

int main(int argc, char **argv)
{
	struct reactor *reactor = NULL;
	struct suite *suite = NULL;
	struct plan plan = { 0 };
	size_t count = 0;
	struct err *err = NULL;
	int r = argc > 1 ? reactor_new(&reactor, &err) : -EINVAL;
	if (r == 0)
		r = suites_load(reactor, (const char *const *)argv + 1, NULL, &suite, &count, &err);
	struct plan_request q = { .suites = suite, .suite_count = count, .gauntlet = true };
	if (r == 0)
		r = plan_make(&q, &plan, &err);
	if (r == 0) {
		plan_estimate(&plan, "tcg", NULL);
		r = run(&plan);
	}
	if (r < 0)
		fprintf(stderr, "budget_bench: give it test binaries\n");
	plan_done(&plan);
	suites_free(suite, count);
	reactor_free(reactor);
	err_free(err);
	return r < 0;
}
