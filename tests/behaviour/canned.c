/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * canned.c -- every canned scenario, one test per category: EEVDF passes all of them. Shares are not compared here: if
 * the number of workers is not a multiple of the CPUs, shares within one second are random, also under EEVDF.
 */
#include <stdio.h>
#include <string.h>

#include "behaviour.h"

#define NARROW 3 /* usable CPUs of the machine that most of them run on */

/* Runs the scenarios of a category that fit on the narrow machine, or (NULL) all others. */
static enum ktstr_verdict run_category(struct ktstr_ctx *t, const char *category)
{
	unsigned ran = 0;
	for (const struct ktstr_canned *c = ktstr_canned_list(); c->name; c++) {
		if (category ? strcmp(c->category, category) || c->min_cpus > NARROW : c->min_cpus <= NARROW)
			continue;
		enum ktstr_verdict v = ktstr_run_canned(t, c->name);
		printf("%s: %s\n", c->name, v == KTSTR_PASS ? "pass" : v == KTSTR_SKIP ? "skip" : "fail");
		ktstr_expect(t, v == KTSTR_PASS, "canned scenario '%s' did not run", c->name);
		ran++;
	}
	ktstr_expect(t, ran > 0, "no canned scenario is of the category '%s'", category ? category : "wide");
	return KTSTR_PASS;
}

#define CATEGORY(id)                                                                                        \
	KTSTR_TEST(canned_##id, .numa_nodes = 2, .llcs = 2, .cores = 2, .duration_s = 1, .memory_mib = 512, \
		   .checks = { .max_spread_pct = 100 })                                                     \
	{                                                                                                   \
		return run_category(t, #id);                                                                \
	}

CATEGORY(basic)
CATEGORY(cpuset)
CATEGORY(interaction)
CATEGORY(advanced)
CATEGORY(stress)
CATEGORY(affinity)
CATEGORY(sched_class)
CATEGORY(performance)
CATEGORY(dynamic)
CATEGORY(nested)
CATEGORY(stall)
CATEGORY(measured)

KTSTR_TEST(canned_wide, .llcs = 2, .cores = 3, .duration_s = 1, .checks = { .max_spread_pct = 100 })
{
	return run_category(t, NULL);
}

/* Alternative names are accepted; an unknown name is not. */
KTSTR_TEST(canned_names, .cores = 4, .duration_s = 1, .checks = { .max_spread_pct = 100 })
{
	ktstr_expect(t, ktstr_run_canned(t, "steady") == KTSTR_PASS, "'steady' did not run");
	ktstr_expect(t, ktstr_run_canned(t, "custom_add_midrun") == KTSTR_PASS, "'custom_add_midrun' did not run");
	ktstr_expect(t, ktstr_run_canned(t, "steady_llc") == KTSTR_SKIP, "'steady_llc' ran on one LLC");
	return KTSTR_PASS;
}
