/* SPDX-License-Identifier: GPL-2.0-only */
/* plan_cases.h -- random hosts, holders and requests for the planner, and the properties of every plan. */
#ifndef KTSTR_TESTS_LIB_PLAN_CASES_H
#define KTSTR_TESTS_LIB_PLAN_CASES_H

#include "base/rng.h"
#include "lock/plan.h"

/* The machine shapes that requests draw from. */
extern const struct ktstr_topology plan_presets[];
extern const unsigned plan_preset_count;

struct plan_case {
	const struct host *host;
	struct cpuset_bits allowed;
	struct plan_holders holders;
	struct cpu_request request;
};

/* Random allowed set, holders and request on @host. */
void plan_case_draw(struct plan_case *c, const struct host *host, const struct cpuset_bits *allowed, struct rng *rng);
/* Describes on one line the fault of @result and @plan as the answer to @c; NULL: there is none. */
const char *plan_case_check(const struct plan_case *c, int result, const struct cpu_plan *plan);
/* The same by trying every set of LLCs; for hosts of at most 12 LLCs, none of which spans nodes. */
const char *plan_case_brute(const struct plan_case *c, int result, const struct cpu_plan *plan);

/* A host of up to @llcs LLCs in up to @nodes nodes, of uneven sizes. */
void plan_host_draw(struct host *ret, unsigned nodes, unsigned llcs, unsigned cores, struct rng *rng);
/* The same host with its CPUs renumbered; @map[old] = new. */
void plan_host_relabel(const struct host *h, struct host *ret, uint16_t *map, struct rng *rng);

#endif
