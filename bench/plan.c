/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * plan.c -- the planner: PLAN CASES: checks random cases over all recorded hosts, then prints microseconds per plan at
 * 512 CPUs, one tier per line, compared with a simple search: the first free window of CPUs, found by sliding.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/bug.h"
#include "hosttree.h"
#include "plan_cases.h"

#define HOSTS TESTS_DIR "/hosts"
#define PLANS 20000

struct recorded {
	struct host host;
	struct cpuset_bits allowed;
};

static unsigned load(struct recorded **ret)
{
	char *name[HOST_TREES_MAX];
	unsigned count = host_tree_names(HOSTS, name);
	*ret = calloc(count, sizeof(**ret));
	for (unsigned i = 0; i < count; i++) {
		host_tree_read(HOSTS, name[i], &(*ret)[i].host, &(*ret)[i].allowed);
		free(name[i]);
	}
	return count;
}

static void check_cases(const struct recorded *hosts, unsigned count, uint64_t cases)
{
	struct rng rng = { 42 };
	struct plan_case c;
	struct cpu_plan p;
	uint64_t planned = 0, broken = 0;
	for (uint64_t n = 0; n < cases; n++) {
		const struct recorded *r = &hosts[n % count];
		plan_case_draw(&c, &r->host, &r->allowed, &rng);
		int result = cpu_plan_make(c.host, &c.allowed, &c.holders, &c.request, &p, NULL);
		planned += result == 0;
		broken += plan_case_check(&c, result, &p) != NULL;
	}
	printf("%lu cases on %u hosts: %lu plans, %lu refusals, %lu broken invariants\n", cases, count, planned,
	       cases - planned, broken);
	REQUIRE(!broken);
}

/* A sliding window over CPU numbers: ignores nodes, LLCs and cores. */
static bool slide(const struct plan_case *c, unsigned need)
{
	unsigned run = 0;
	for (unsigned cpu = 0; cpu < HOST_CPUS_MAX; cpu++) {
		bool usable = cpuset_has(&c->allowed, cpu) && !cpuset_has(&c->holders.cpus, cpu) &&
			      c->host->cpu[cpu].llc != HOST_NONE &&
			      !cpuset_has(&c->holders.llc_exclusive, c->host->cpu[cpu].llc);
		run = usable ? run + 1 : 0;
		if (run == need)
			return true;
	}
	return false;
}

static void time_tier(const struct recorded *r, enum plan_tier tier, const char *name)
{
	struct plan_case *c = calloc(PLANS, sizeof(*c));
	struct rng rng = { 7 };
	struct cpu_plan p;
	unsigned made = 0, slid = 0;
	REQUIRE(c);
	for (unsigned i = 0; i < PLANS; i++) {
		plan_case_draw(&c[i], &r->host, &r->allowed, &rng);
		c[i].request.tier = tier;
	}
	nsec_t t0 = nsec_now();
	for (unsigned i = 0; i < PLANS; i++)
		made += cpu_plan_make(c[i].host, &c[i].allowed, &c[i].holders, &c[i].request, &p, NULL) == 0;
	nsec_t t1 = nsec_now();
	for (unsigned i = 0; i < PLANS; i++) {
		const struct ktstr_topology *t = &c[i].request.topology;
		slid += slide(&c[i], tier == PLAN_BUDGET ? c[i].request.cpus : t->llcs * t->cores * t->threads);
	}
	nsec_t t2 = nsec_now();
	printf("%-12s %6.1f us a plan, %3u %% planned; sliding window %6.1f us, %3u %%\n", name,
	       (double)(t1 - t0) / PLANS / 1000, made * 100 / PLANS, (double)(t2 - t1) / PLANS / 1000,
	       slid * 100 / PLANS);
	free(c);
}

int main(int argc, char **argv)
{
	struct recorded *hosts;
	unsigned count = load(&hosts);
	uint64_t cases = 100000;
	REQUIRE(argc < 2 || parse_u64(argv[1], &cases) == 0);
	check_cases(hosts, count, cases);
	for (unsigned i = 0; i < count; i++) {
		if (hosts[i].host.cpus != 512)
			continue;
		printf("512 CPUs, %u LLCs, %u nodes, random allowed sets and holders:\n", hosts[i].host.llcs,
		       hosts[i].host.nodes);
		time_tier(&hosts[i], PLAN_PERFORMANCE, "performance");
		time_tier(&hosts[i], PLAN_DEFAULT, "default");
		time_tier(&hosts[i], PLAN_BUDGET, "budget");
	}
	for (unsigned i = 0; i < count; i++)
		host_done(&hosts[i].host);
	free(hosts);
	return 0;
}
