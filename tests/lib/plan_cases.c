/* SPDX-License-Identifier: GPL-2.0-only */
/* plan_cases.c -- see plan_cases.h. */
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "plan_cases.h"

const struct ktstr_topology plan_presets[] = {
	{ 1, 1, 4, 1 },	  { 1, 2, 2, 1 },  { 1, 3, 3, 1 }, { 1, 5, 3, 1 },  { 1, 7, 2, 1 },  { 1, 2, 2, 2 },
	{ 1, 3, 2, 2 },	  { 1, 4, 4, 2 },  { 1, 8, 4, 2 }, { 1, 4, 16, 2 }, { 1, 8, 8, 2 },  { 1, 15, 8, 2 },
	{ 1, 14, 9, 2 },  { 1, 4, 8, 1 },  { 1, 8, 8, 1 }, { 1, 4, 32, 1 }, { 1, 8, 16, 1 }, { 1, 15, 16, 1 },
	{ 1, 14, 18, 1 }, { 2, 2, 8, 2 },  { 2, 4, 4, 1 }, { 2, 8, 8, 2 },  { 2, 8, 16, 1 }, { 4, 8, 4, 1 },
	{ 4, 12, 8, 2 },  { 1, 11, 9, 2 }, { 1, 1, 1, 1 },
};
const unsigned plan_preset_count = ARRAY_SIZE(plan_presets);

static struct cpuset_bits random_subset(const struct cpuset_bits *of, unsigned percent, struct rng *rng)
{
	struct cpuset_bits out = { 0 };
	set_for_each(n, of)
		if (rng_below(rng, 100) < percent)
			cpuset_add(&out, n);
	return out;
}

/*
 * Possible combinations of locks: an LLC locked exclusively has no other holder; a locked CPU's LLC is locked shared.
 */
static void draw_holders(struct plan_case *c, struct rng *rng)
{
	static const unsigned levels[] = { 0, 0, 5, 20, 50, 90 };
	unsigned exclusive = levels[rng_below(rng, ARRAY_SIZE(levels))] / 3,
		 cpus = levels[rng_below(rng, ARRAY_SIZE(levels))];
	memset(&c->holders, 0, sizeof(c->holders));
	for (unsigned l = 0; l < c->host->llcs; l++) {
		if (rng_below(rng, 100) < exclusive) {
			cpuset_add(&c->holders.llc_exclusive, l);
			continue;
		}
		struct cpuset_bits held = random_subset(&c->host->llc[l].cpus, cpus, rng);
		set_unite(&c->holders.cpus, &held);
		c->holders.llc_shared[l] = (uint16_t)(!set_empty(&held) + rng_below(rng, 3) * (rng_below(rng, 3) == 0));
	}
}

void plan_case_draw(struct plan_case *c, const struct host *host, const struct cpuset_bits *allowed, struct rng *rng)
{
	*c = (struct plan_case){ .host = host, .allowed = *allowed };
	if (rng_below(rng, 3) == 0) {
		c->allowed = random_subset(allowed, 60, rng);
		if (set_empty(&c->allowed))
			c->allowed = *allowed;
	}
	draw_holders(c, rng);
	c->request = (struct cpu_request){
		.tier = (enum plan_tier)rng_below(rng, PLAN_TIER_MAX),
		.topology = plan_presets[rng_below(rng, plan_preset_count)],
		.cpus = 1 + (unsigned)rng_below(rng, cpuset_count(&c->allowed) + 1),
		.service = rng_below(rng, 2),
	};
}

/* --- the properties of plans -------------------------------------------------------------------------------------- */

static unsigned needed(const struct plan_case *c)
{
	const struct ktstr_topology *t = &c->request.topology;
	return c->request.tier == PLAN_BUDGET ? c->request.cpus : t->llcs * t->cores * t->threads;
}

static struct cpuset_bits llcs_of(const struct host *h, const struct cpuset_bits *cpus)
{
	struct cpuset_bits out = { 0 };
	set_for_each(cpu, cpus)
		cpuset_add(&out, h->cpu[cpu].llc);
	return out;
}

static unsigned nodes_of(const struct host *h, const struct cpuset_bits *cpus)
{
	unsigned count = 0;
	for (unsigned n = 0; n < h->nodes; n++)
		count += set_meets(&h->node[n].cpus, cpus);
	return count;
}

static struct cpuset_bits usable(const struct plan_case *c)
{
	return set_and(&c->allowed, &c->host->online);
}

static unsigned free_cpus(const struct plan_case *c)
{
	unsigned count = 0;
	struct cpuset_bits all = usable(c);
	set_for_each(cpu, &all)
		count += !cpuset_has(&c->holders.cpus, cpu) &&
			 !cpuset_has(&c->holders.llc_exclusive, c->host->cpu[cpu].llc);
	return count;
}

static const char *check_refusal(const struct plan_case *c, int result)
{
	struct cpuset_bits all = usable(c);
	unsigned have = cpuset_count(&all);
	if (result != -EBUSY && result != -ERANGE)
		return "an unexpected error";
	if (c->request.tier == PLAN_BUDGET && (result == -ERANGE) != (c->request.cpus > have))
		return "a budget is refused for good if and only if it is over the allowed CPUs";
	if (c->request.tier == PLAN_DEFAULT && result == -ERANGE)
		return "the default tier never refuses for good";
	if (c->request.tier == PLAN_DEFAULT && needed(c) <= free_cpus(c))
		return "there were enough free CPUs";
	return NULL;
}

static const char *check_sets(const struct plan_case *c, const struct cpu_plan *p)
{
	struct cpuset_bits all = usable(c), llcs = llcs_of(c->host, &p->cpus);
	struct cpuset_bits outside = set_without(&p->cpus, &all);
	if (!set_empty(&outside))
		return "it leaves the allowed set";
	if (!set_equal(&llcs, &p->llcs))
		return "the LLCs to lock are not those of its CPUs";
	if (set_meets(&p->llcs, &c->holders.llc_exclusive))
		return "it uses an LLC that someone has for himself";
	if (set_meets(&p->cpu_locks, &c->holders.cpus))
		return "it takes a CPU that is held";
	if (nodes_of(c->host, &p->cpus) != p->nodes)
		return "it miscounts its nodes";
	if (set_empty(&p->mems))
		return "it has no memory";
	set_for_each(id, &p->mems) {
		unsigned n = 0;
		while (n < c->host->nodes && c->host->node[n].id != id)
			n++;
		if (n == c->host->nodes || !c->host->node[n].memory_kib)
			return "its memory is in a node that has none";
	}
	return NULL;
}

static const char *check_vcpus(const struct plan_case *c, const struct cpu_plan *p)
{
	const struct ktstr_topology *t = &c->request.topology;
	struct cpuset_bits seen = { 0 };
	unsigned block = t->cores * t->threads;
	if (p->vcpus != needed(c))
		return "not every vCPU has a CPU";
	for (unsigned i = 0; i < p->vcpus; i++) {
		unsigned cpu = p->vcpu[i];
		if (cpuset_has(&seen, cpu))
			return "two vCPUs share a CPU";
		cpuset_add(&seen, cpu);
		if (p->aligned && c->host->cpu[cpu].llc != c->host->cpu[p->vcpu[i / block * block]].llc)
			return "a virtual LLC is split, and it says it is not";
	}
	if (p->service != HOST_NONE && cpuset_has(&seen, p->service))
		return "the service CPU runs a vCPU";
	if (p->service != HOST_NONE)
		cpuset_add(&seen, p->service);
	return set_equal(&seen, &p->cpus) ? NULL : "its mask is not its CPUs";
}

static const char *check_performance(const struct plan_case *c, const struct cpu_plan *p)
{
	const struct ktstr_topology *t = &c->request.topology;
	struct cpuset_bits own = set_without(&p->llcs, &p->shared_llcs);
	if (p->service == HOST_NONE)
		return "performance without a service CPU";
	if (cpuset_count(&own) != t->llcs)
		return "virtual LLCs share a host LLC";
	set_for_each(llc, &own)
		if (c->holders.llc_shared[llc])
			return "an LLC to have for itself is in use";
	return NULL;
}

const char *plan_case_check(const struct plan_case *c, int result, const struct cpu_plan *p)
{
	if (result < 0)
		return check_refusal(c, result);
	const char *wrong = check_sets(c, p);
	bool budget = c->request.tier == PLAN_BUDGET || p->overcommitted;
	if (!wrong && p->overcommitted && (needed(c) <= cpuset_count(&c->allowed) || c->request.tier != PLAN_DEFAULT))
		wrong = "overcommitted without need";
	if (!wrong && budget && (!set_empty(&p->cpu_locks) || p->llcs_exclusive))
		wrong = "a budget reserves nothing";
	if (!wrong && c->request.tier == PLAN_BUDGET && cpuset_count(&p->cpus) != c->request.cpus)
		wrong = "not exactly the CPUs of the budget";
	if (!wrong && !budget)
		wrong = check_vcpus(c, p);
	if (!wrong && c->request.tier == PLAN_DEFAULT && !budget && !set_equal(&p->cpu_locks, &p->cpus))
		wrong = "a CPU without a lock";
	if (!wrong && c->request.tier == PLAN_PERFORMANCE)
		wrong = check_performance(c, p);
	return wrong;
}

/* --- brute force -------------------------------------------------------------------------------------------------- */

static unsigned room_of(const struct plan_case *c, unsigned llc, unsigned block)
{
	struct cpuset_bits all = usable(c), cpus = set_and(&c->host->llc[llc].cpus, &all);
	if (cpuset_has(&c->holders.llc_exclusive, llc))
		return 0;
	if (c->request.tier == PLAN_PERFORMANCE)
		return !c->holders.llc_shared[llc] && cpuset_count(&cpus) >= block;
	if (c->request.tier == PLAN_DEFAULT)
		cpus = set_without(&cpus, &c->holders.cpus);
	return cpuset_count(&cpus) / block;
}

struct fewest {
	unsigned nodes, llcs, distance; /* llcs: with that many nodes; distance: with two nodes */
	bool found;
};

/* The best over all sets of LLCs with room for @need blocks; @within: only these LLCs. */
static struct fewest try_all(const struct plan_case *c, unsigned block, unsigned need, unsigned within)
{
	struct fewest best = { .nodes = ~0u, .llcs = ~0u, .distance = ~0u };
	for (unsigned set = 1; set < 1u << c->host->llcs; set++) {
		unsigned room = 0, first = HOST_NODES_MAX, other = 0, nodes = 0;
		uint64_t seen = 0;
		for (unsigned l = 0; l < c->host->llcs; l++) {
			if (!(set >> l & 1))
				continue;
			unsigned here = room_of(c, l, block), node = c->host->llc[l].node;
			room += here && (within >> l & 1) ? here : 0;
			nodes += !(seen >> node & 1);
			seen |= (uint64_t)1 << node;
			other = node;
			first = MIN_OF(first, node);
		}
		set_for_each(n, &(struct cpuset_bits){ .word = { seen } })
			other = n;
		if (room < need || (set & ~within))
			continue;
		unsigned llcs = (unsigned)__builtin_popcount(set), distance = c->host->node[first].distance[other];
		best.found = true;
		if (nodes < best.nodes)
			best = (struct fewest){ nodes, llcs, distance, true };
		if (nodes == best.nodes) {
			best.llcs = MIN_OF(best.llcs, llcs);
			best.distance = MIN_OF(best.distance, distance);
		}
	}
	return best;
}

/* The LLCs in the nodes that @p uses. */
static unsigned same_nodes(const struct plan_case *c, const struct cpu_plan *p)
{
	unsigned out = 0;
	for (unsigned l = 0; l < c->host->llcs; l++)
		if (set_meets(&c->host->node[c->host->llc[l].node].cpus, &p->cpus))
			out |= 1u << l;
	return out;
}

const char *plan_case_brute(const struct plan_case *c, int result, const struct cpu_plan *p)
{
	const struct ktstr_topology *t = &c->request.topology;
	unsigned block = c->request.tier == PLAN_BUDGET ? 1 : t->cores * t->threads;
	unsigned need = c->request.tier == PLAN_BUDGET ? c->request.cpus : t->llcs;
	unsigned every = (1u << c->host->llcs) - 1;
	if (p->overcommitted && result == 0)
		return NULL;
	struct fewest whole = try_all(c, block, need, every);
	if (c->request.tier != PLAN_PERFORMANCE && result < 0 && whole.found)
		return "there is a plan";
	/* A service CPU may use one more LLC, so plans with one are not measured. */
	if (result < 0 || p->service != HOST_NONE)
		return NULL;
	if (c->request.tier == PLAN_DEFAULT && p->aligned != whole.found)
		return "alignment is possible if and only if it says so";
	if (c->request.tier == PLAN_DEFAULT && !p->aligned) {
		need *= block;
		block = 1;
		whole = try_all(c, block, need, every);
	}
	if (p->nodes != whole.nodes)
		return "fewer nodes would do";
	if (p->nodes == 1 && cpuset_count(&p->llcs) != whole.llcs)
		return "fewer LLCs in another node would do";
	if (cpuset_count(&p->llcs) != try_all(c, block, need, same_nodes(c, p)).llcs)
		return "fewer LLCs of its nodes would do";
	unsigned at[2] = { 0 }, n = 0;
	for (unsigned node = 0; node < c->host->nodes && p->nodes == 2; node++)
		if (set_meets(&c->host->node[node].cpus, &p->cpus))
			at[n++] = node;
	return p->nodes == 2 && c->host->node[at[0]].distance[at[1]] != whole.distance ? "nearer nodes would do" : NULL;
}

/* --- random hosts ------------------------------------------------------------------------------------------------- */

static void say_cores(struct host_raw *raw, unsigned from, unsigned count, unsigned threads)
{
	for (unsigned c = from; c < from + count; c++)
		for (unsigned s = c - (c - from) % threads, i = 0; i < threads && s + i < from + count; i++)
			cpuset_add(&raw->cpu[c].core, s + i);
}

void plan_host_draw(struct host *ret, unsigned nodes, unsigned llcs, unsigned cores, struct rng *rng)
{
	struct host_raw *raw = calloc(1, sizeof(*raw));
	unsigned next = 0;
	REQUIRE(raw);
	raw->nodes = 1 + (unsigned)rng_below(rng, nodes);
	for (unsigned n = 0; n < raw->nodes; n++) {
		raw->node[n].id = (uint16_t)(n * 2);
		raw->node[n].memory_kib = rng_below(rng, 4) ? 1 << 20 : 0;
		for (unsigned m = 0; m <= n; m++)
			raw->node[n].distance[m] = raw->node[m].distance[n] =
				n == m ? 10 : (uint16_t)(11 + rng_below(rng, 20));
	}
	llcs = 1 + (unsigned)rng_below(rng, llcs);
	for (unsigned l = 0; l < llcs; l++) {
		unsigned count = 1 + (unsigned)rng_below(rng, cores);
		struct raw_node *n = &raw->node[rng_below(rng, raw->nodes)];
		for (unsigned c = next; c < next + count; c++) {
			cpuset_add(&raw->online, c);
			cpuset_add(&n->cpus, c);
			for (unsigned d = next; d < next + count; d++)
				cpuset_add(&raw->cpu[c].llc, d);
		}
		say_cores(raw, next, count, 1 + (unsigned)rng_below(rng, 2));
		next += count;
	}
	raw->present = raw->online;
	for (unsigned c = 0; c < next; c++)
		raw->cpu[c].package = raw->online;
	REQUIRE(host_build(raw, ret, NULL) == 0);
	free(raw);
}

static void relabel_set(const struct cpuset_bits *from, const uint16_t *map, struct cpuset_bits *to)
{
	set_for_each(cpu, from)
		cpuset_add(to, map[cpu]);
}

void plan_host_relabel(const struct host *h, struct host *ret, uint16_t *map, struct rng *rng)
{
	struct host_raw *raw = calloc(1, sizeof(*raw));
	unsigned count = 0;
	REQUIRE(raw);
	set_for_each(cpu, &h->online) {
		unsigned at = (unsigned)rng_below(rng, count + 1);
		map[cpu] = (uint16_t)count;
		set_for_each(other, &h->online)
			if (other < cpu && map[other] == at)
				map[cpu] = (uint16_t)at, map[other] = (uint16_t)count;
		count++;
	}
	set_for_each(cpu, &h->online) {
		struct raw_cpu *c = &raw->cpu[map[cpu]];
		cpuset_add(&raw->online, map[cpu]);
		relabel_set(&h->llc[h->cpu[cpu].llc].cpus, map, &c->llc);
		relabel_set(&h->online, map, &c->package);
		set_for_each(other, &h->online)
			if (h->cpu[other].core == h->cpu[cpu].core)
				cpuset_add(&c->core, map[other]);
		c->capacity = h->cpu[cpu].capacity;
	}
	raw->present = raw->online;
	raw->nodes = h->nodes;
	for (unsigned n = 0; n < h->nodes; n++) {
		unsigned to = h->nodes - 1 - n;
		raw->node[to].id = (uint16_t)to;
		raw->node[to].memory_kib = h->node[n].memory_kib;
		relabel_set(&h->node[n].cpus, map, &raw->node[to].cpus);
		for (unsigned m = 0; m < h->nodes; m++)
			raw->node[to].distance[h->nodes - 1 - m] = h->node[n].distance[m];
	}
	REQUIRE(host_build(raw, ret, NULL) == 0);
	free(raw);
}
