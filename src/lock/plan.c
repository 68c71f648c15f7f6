/* SPDX-License-Identifier: GPL-2.0-only */
/* plan.c -- see plan.h. Collects available units, picks some of them (units.c), and places vCPUs on their CPUs. */
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "lock/units.h"
#include "lock/plan.h"

static const struct plan_holders nobody;

struct planning {
	const struct host *host;
	const struct cpuset_bits *allowed;
	const struct plan_holders *holders;
	const struct cpu_request *request;
	struct unit *unit;
	unsigned units;
	struct cpu_plan *plan;
};

/* --- available units ---------------------------------------------------------------------------------------------- */

static bool llc_held(const struct planning *p, unsigned llc)
{
	return cpuset_has(&p->holders->llc_exclusive, llc) || p->holders->llc_shared[llc];
}

static void add_unit(struct planning *p, unsigned cell, const struct cpuset_bits *cpus, unsigned room)
{
	const struct host_cell *c = &p->host->cell[cell];
	if (!room)
		return;
	p->unit[p->units++] = (struct unit){
		.cpus = *cpus,
		.cell = (uint16_t)cell,
		.llc = c->llc,
		.node = c->node,
		.room = (uint16_t)room,
		.sharers = p->holders->llc_shared[c->llc],
	};
}

/* Whole LLCs without any lock and with enough allowed CPUs for one virtual LLC. */
static void collect_whole_llcs(struct planning *p, unsigned block)
{
	p->units = 0;
	for (unsigned i = 0; i < p->host->cells; i++) {
		unsigned llc = p->host->cell[i].llc;
		struct cpuset_bits cpus = set_and(&p->host->llc[llc].cpus, p->allowed);
		if ((i && p->host->cell[i - 1].llc == llc) || llc_held(p, llc))
			continue;
		add_unit(p, i, &cpus, cpuset_count(&cpus) >= block);
	}
}

/* Cells of LLCs that are not locked exclusively, with room in blocks of @block CPUs. @with_held: count locked CPUs. */
static void collect_cells(struct planning *p, unsigned block, bool with_held)
{
	p->units = 0;
	for (unsigned i = 0; i < p->host->cells; i++) {
		const struct host_cell *c = &p->host->cell[i];
		struct cpuset_bits cpus = set_and(&c->cpus, p->allowed);
		if (cpuset_has(&p->holders->llc_exclusive, c->llc))
			continue;
		if (!with_held)
			cpus = set_without(&cpus, &p->holders->cpus);
		add_unit(p, i, &cpus, cpuset_count(&cpus) / block);
	}
}

/* --- the order of CPUs -------------------------------------------------------------------------------------------- */

static bool core_is_broken(const struct host *h, const struct cpuset_bits *free, unsigned cpu)
{
	set_for_each(other, &h->llc[h->cpu[cpu].llc].cpus)
		if (h->cpu[other].core == h->cpu[cpu].core && !cpuset_has(free, other))
			return true;
	return false;
}

static int by_key(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/*
 * The free CPUs of @unit, best first: fast cores; then free cores before cores in use; then core by core, so that
 * siblings are neighbours, or with @spread the first thread of each core before the second.
 */
static unsigned order_cpus(const struct host *h, const struct unit *unit, bool spread, uint16_t *ret)
{
	uint64_t key[HOST_CPUS_MAX];
	unsigned count = 0;
	set_for_each(cpu, &unit->cpus) {
		const struct host_cpu *c = &h->cpu[cpu];
		uint64_t slow = 1024u - c->capacity, broken = core_is_broken(h, &unit->cpus, cpu);
		uint64_t core = spread ? (uint64_t)c->thread << 16 | c->core : (uint64_t)c->core << 16 | c->thread;
		key[count++] = slow << 53 | broken << 52 | (core & 0xffffffff) << 12 | cpu;
	}
	qsort(key, count, sizeof(*key), by_key);
	for (unsigned i = 0; i < count; i++)
		ret[i] = (uint16_t)(key[i] & 0xfff);
	return count;
}

/* --- nodes, memory ------------------------------------------------------------------------------------------------ */

/* @node when it has memory, else the nearest node that has. */
static unsigned nearest_memory(const struct host *h, unsigned node)
{
	unsigned best = node;
	for (unsigned n = 0; n < h->nodes && !h->node[node].memory_kib; n++) {
		bool nearer = !h->node[best].memory_kib || h->node[node].distance[n] < h->node[node].distance[best];
		if (h->node[n].memory_kib && nearer)
			best = n;
	}
	return best;
}

static void set_nodes(const struct host *h, struct cpu_plan *plan)
{
	for (unsigned n = 0; n < h->nodes; n++) {
		if (!set_meets(&h->node[n].cpus, &plan->cpus))
			continue;
		plan->nodes++;
		cpuset_add(&plan->mems, h->node[nearest_memory(h, n)].id);
	}
}

/* --- the service CPU ---------------------------------------------------------------------------------------------- */

static bool service_possible(const struct planning *p, unsigned cpu)
{
	unsigned llc = p->host->cpu[cpu].llc;
	if (cpuset_has(&p->plan->cpus, cpu) || cpuset_has(&p->holders->cpus, cpu))
		return false;
	return cpuset_has(&p->plan->llcs, llc) || !cpuset_has(&p->holders->llc_exclusive, llc);
}

/* A free CPU in an LLC of the plan, else the nearest one. */
static bool add_service_cpu(struct planning *p)
{
	const struct host *h = p->host;
	struct cpu_plan *plan = p->plan;
	unsigned best = SET_END, best_cost = UINT32_MAX, home = h->cpu[plan->vcpu[0]].node;
	set_for_each(cpu, p->allowed) {
		if (!cpuset_has(&h->online, cpu) || !service_possible(p, cpu))
			continue;
		unsigned outside = !cpuset_has(&plan->llcs, h->cpu[cpu].llc);
		unsigned cost = outside << 20 | h->node[home].distance[h->cpu[cpu].node];
		if (cost >= best_cost)
			continue;
		best = cpu;
		best_cost = cost;
	}
	if (best == SET_END)
		return false;
	unsigned llc = h->cpu[best].llc;
	plan->service = (uint16_t)best;
	cpuset_add(&plan->cpus, best);
	/* CPUs in an exclusively locked LLC need no locks of their own. */
	if (!plan->llcs_exclusive || !cpuset_has(&plan->llcs, llc))
		cpuset_add(&plan->cpu_locks, best);
	if (plan->llcs_exclusive && !cpuset_has(&plan->llcs, llc))
		cpuset_add(&plan->shared_llcs, llc);
	cpuset_add(&plan->llcs, llc);
	return true;
}

/* --- performance and default -------------------------------------------------------------------------------------- */

static int by_node(const void *a, const void *b)
{
	const struct unit *x = a, *y = b;
	if (x->picked != y->picked)
		return x->picked ? -1 : 1;
	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return (x->cell > y->cell) - (x->cell < y->cell);
}

/* Places vCPUs, in order and in whole blocks, on the picked units in node order. */
static void place_vcpus(struct planning *p, unsigned block, unsigned blocks, bool spread)
{
	struct cpu_plan *plan = p->plan;
	uint16_t order[HOST_CPUS_MAX];
	qsort(p->unit, p->units, sizeof(*p->unit), by_node);
	for (unsigned i = 0; i < p->units && p->unit[i].picked && blocks; i++) {
		const struct unit *u = &p->unit[i];
		unsigned here = MIN_OF(u->room, blocks);
		order_cpus(p->host, u, spread, order);
		cpuset_add(&plan->llcs, u->llc);
		for (unsigned k = 0; k < here * block; k++) {
			plan->vcpu[plan->vcpus++] = order[k];
			cpuset_add(&plan->cpus, order[k]);
			if (!plan->llcs_exclusive)
				cpuset_add(&plan->cpu_locks, order[k]);
		}
		blocks -= here;
	}
	REQUIRE(!blocks);
}

static bool plan_performance(struct planning *p)
{
	const struct ktstr_topology *t = &p->request->topology;
	unsigned block = t->cores * t->threads;
	collect_whole_llcs(p, block);
	if (!choose_units(p->host, p->unit, p->units, t->llcs))
		return false;
	p->plan->llcs_exclusive = p->plan->aligned = true;
	place_vcpus(p, block, t->llcs, t->threads == 1);
	return add_service_cpu(p);
}

static bool plan_exclusive_cpus(struct planning *p)
{
	const struct ktstr_topology *t = &p->request->topology;
	unsigned block = t->cores * t->threads, blocks = t->llcs;
	collect_cells(p, block, /* with_held= */ false);
	p->plan->aligned = choose_units(p->host, p->unit, p->units, blocks);
	if (!p->plan->aligned) {
		blocks *= block;
		block = 1;
		collect_cells(p, block, /* with_held= */ false);
		if (!choose_units(p->host, p->unit, p->units, blocks))
			return false;
	}
	place_vcpus(p, block, blocks, /* spread= */ false);
	if (p->request->service)
		add_service_cpu(p);
	return true;
}

/* --- budget ------------------------------------------------------------------------------------------------------- */

struct ranked_cpu {
	uint64_t rank;
	uint16_t cpu;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked_cpu *x = a, *y = b;
	return x->rank != y->rank ? (x->rank > y->rank) - (x->rank < y->rank) : (int)x->cpu - (int)y->cpu;
}

/* Exactly @need CPUs of the picked units, CPUs in use last. */
static bool plan_shared_cpus(struct planning *p, unsigned need)
{
	struct cpu_plan *plan = p->plan;
	struct ranked_cpu ranked[HOST_CPUS_MAX];
	uint16_t order[HOST_CPUS_MAX];
	unsigned count = 0;
	collect_cells(p, 1, /* with_held= */ true);
	if (!choose_units(p->host, p->unit, p->units, need))
		return false;
	for (unsigned i = 0; i < p->units; i++) {
		const struct unit *u = &p->unit[i];
		unsigned cpus = u->picked ? order_cpus(p->host, u, false, order) : 0;
		uint64_t unpopular = UINT16_MAX - u->sharers;
		/* CPUs are not locked here, so small budgets should not all use the first ones. */
		bool alike = cpus && p->host->cpu[order[0]].capacity == p->host->cpu[order[cpus - 1]].capacity;
		unsigned turn = alike ? p->request->rotate % cpus : 0;
		for (unsigned k = 0; k < cpus; k++) {
			uint64_t held =
				cpuset_has(&p->holders->cpus, order[k]) || cpuset_has(&p->holders->busy, order[k]);
			uint64_t place = (uint64_t)u->cell << 16 | (k + cpus - turn) % cpus;
			ranked[count++] = (struct ranked_cpu){ held << 60 | unpopular << 32 | place, order[k] };
		}
	}
	qsort(ranked, count, sizeof(*ranked), by_rank);
	for (unsigned i = 0; i < need; i++) {
		cpuset_add(&plan->cpus, ranked[i].cpu);
		cpuset_add(&plan->llcs, p->host->cpu[ranked[i].cpu].llc);
	}
	return true;
}

static unsigned shareable_cpus(const struct planning *p)
{
	unsigned count = 0;
	for (unsigned l = 0; l < p->host->llcs; l++) {
		struct cpuset_bits cpus = set_and(&p->host->llc[l].cpus, p->allowed);
		if (!cpuset_has(&p->holders->llc_exclusive, l))
			count += cpuset_count(&cpus);
	}
	return count;
}

/* --- all tiers ---------------------------------------------------------------------------------------------------- */

static unsigned request_cpus(const struct cpu_request *r)
{
	const struct ktstr_topology *t = &r->topology;
	return r->tier == PLAN_BUDGET ? r->cpus : t->llcs * t->cores * t->threads;
}

static bool plan_tier(struct planning *p, unsigned allowed)
{
	unsigned need = request_cpus(p->request);
	if (p->request->tier == PLAN_PERFORMANCE)
		return plan_performance(p);
	if (p->request->tier == PLAN_BUDGET)
		return plan_shared_cpus(p, need);
	if (need <= allowed)
		return plan_exclusive_cpus(p);
	p->plan->overcommitted = true;
	p->plan->vcpus = 0;
	need = shareable_cpus(p);
	return need && plan_shared_cpus(p, need);
}

static void reset_plan(struct cpu_plan *plan, const struct cpu_request *request)
{
	memset(plan, 0, sizeof(*plan));
	plan->tier = request->tier;
	plan->service = HOST_NONE;
	memset(plan->vcpu, 0xff, sizeof(plan->vcpu));
}

static int explain_failure(struct planning *p, const struct cpuset_bits *allowed, struct err **err)
{
	const struct ktstr_topology *t = &p->request->topology;
	unsigned need = request_cpus(p->request), have = cpuset_count(allowed);
	struct cpuset_bits held = set_and(&p->holders->cpus, allowed);
	bool performance = p->request->tier == PLAN_PERFORMANCE;
	p->holders = &nobody;
	reset_plan(p->plan, p->request);
	if (plan_tier(p, have)) {
		if (performance)
			return FAIL(err, ERR_BUSY, -EBUSY,
				    "all %u LLC slots busy; pass --no-perf-mode or set KTSTR_NO_PERF_MODE=1 to run "
				    "without CPU reservation",
				    MAX_OF(p->host->llcs / MAX_OF(t->llcs, 1), 1));
		return FAIL(err, ERR_BUSY, -EBUSY,
			    "%u CPUs are not available: %u of %u allowed CPUs are held, or their LLC is; 'ktstr locks' "
			    "shows the holders",
			    need, cpuset_count(&held), have);
	}
	if (performance)
		return FAIL(err, ERR_BUSY, -ERANGE,
			    "performance mode needs %u LLCs with %u allowed CPUs each and one more CPU; this host has "
			    "%u LLCs and %u allowed CPUs; use --no-perf-mode",
			    t->llcs, t->cores * t->threads, p->host->llcs, have);
	return FAIL(err, ERR_BUSY, -ERANGE, "%u CPUs are more than the %u CPUs this process may use", need, have);
}

int cpu_plan_make(const struct host *h, const struct cpuset_bits *allowed, const struct plan_holders *holders,
		  const struct cpu_request *request, struct cpu_plan *ret, struct err **err)
{
	struct cpuset_bits usable = set_and(allowed, &h->online);
	struct cpu_plan plan;
	struct planning p = {
		.host = h, .allowed = &usable, .holders = holders ? holders : &nobody, .request = request, .plan = &plan
	};
	unsigned have = cpuset_count(&usable);
	REQUIRE(request->tier < PLAN_TIER_MAX && request_cpus(request) > 0);
	if (!have)
		return FAIL(err, ERR_MISSING, -ENODATA, "none of the CPUs that this process may use is online");
	p.unit = calloc(h->cells, sizeof(*p.unit));
	if (!p.unit)
		return -ENOMEM;
	reset_plan(&plan, request);
	int r = plan_tier(&p, have) ? 0 : explain_failure(&p, &usable, err);
	free(p.unit);
	if (r < 0)
		return r;
	set_nodes(h, &plan);
	*ret = plan;
	return 0;
}

bool cpu_plan_crosses_nodes(const struct host *h, const struct cpu_plan *p, struct buf *out)
{
	const char *separator = "";
	if (p->nodes < 2)
		return false;
	buf_puts(out, "reserving LLCs [");
	set_for_each(llc, &p->llcs) {
		buf_appendf(out, "%s%u (node %u)", separator, llc, h->node[h->llc[llc].node].id);
		separator = ", ";
	}
	buf_appendf(out, "] across %u NUMA nodes (fewer do not have the CPUs); memory will be remote for some of them",
		    p->nodes);
	return true;
}
