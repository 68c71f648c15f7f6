/* SPDX-License-Identifier: GPL-2.0-only */
/* validate_load.c -- see validate_load.h. */
#include <math.h>
#include <string.h>

#include "guest/checks.h"
#include "guest/load.h"
#include "guest/scenario/validate_load.h"
#include "guest/work/work.h"

#define BAD(err, ...) FAIL(err, ERR_DATA, -EINVAL, __VA_ARGS__)

static int check_policy(const char *cgroup, const struct ktstr_policy *p, struct err **err)
{
	bool rt = p->kind == KTSTR_POLICY_FIFO || p->kind == KTSTR_POLICY_RR;
	unsigned period = p->period_us ? p->period_us : p->deadline_us;
	if (p->kind >= KTSTR_POLICY_KIND_MAX)
		return BAD(err, "cgroup '%s': unknown scheduling policy", cgroup);
	if (rt && (p->priority < 1 || p->priority > 99))
		return BAD(err, "cgroup '%s': %s priority %u is not in 1..99", cgroup,
			   p->kind == KTSTR_POLICY_FIFO ? "KTSTR_FIFO" : "KTSTR_RR", p->priority);
	if (!rt && p->priority)
		return BAD(err, "cgroup '%s': priority %u without KTSTR_FIFO or KTSTR_RR", cgroup, p->priority);
	if (p->kind == KTSTR_POLICY_DEADLINE &&
	    (!p->runtime_us || p->runtime_us > p->deadline_us || p->deadline_us > period))
		return BAD(err,
			   "cgroup '%s': KTSTR_DEADLINE needs 0 < runtime <= deadline <= period, got %u, %u, %u us",
			   cgroup, p->runtime_us, p->deadline_us, period);
	return 0;
}

static int check_memory(const struct guest_topology *t, const char *cgroup, const struct ktstr_load *l,
			const struct cpuset_bits *cpus, struct err **err)
{
	static const char *const name[KTSTR_MEM_POLICY_MAX] = {
		"DEFAULT", "BIND", "PREFERRED", "INTERLEAVE", "LOCAL", "PREFERRED_MANY", "WEIGHTED_INTERLEAVE"
	};
	struct cpuset_bits nodes = { 0 };
	if (l->mem_policy >= KTSTR_MEM_POLICY_MAX)
		return BAD(err, "cgroup '%s': unknown memory policy", cgroup);
	const char *what = name[l->mem_policy];
	bool wants = l->mem_policy != KTSTR_MEM_DEFAULT && l->mem_policy != KTSTR_MEM_LOCAL;
	if (l->mem_nodes && cpuset_parse(l->mem_nodes, &nodes) < 0)
		return BAD(err, "cgroup '%s': KTSTR_MEM_%s: '%s' is not a node list", cgroup, what, l->mem_nodes);
	if (wants && !cpuset_count(&nodes))
		return BAD(err, "cgroup '%s': KTSTR_MEM_%s with an empty node set", cgroup, what);
	if (!wants && cpuset_count(&nodes))
		return BAD(err, "cgroup '%s': KTSTR_MEM_%s takes no nodes", cgroup, what);
	if (l->mem_policy == KTSTR_MEM_PREFERRED && cpuset_count(&nodes) != 1)
		return BAD(err, "cgroup '%s': KTSTR_MEM_PREFERRED takes one node, got '%s'", cgroup, l->mem_nodes);
	if (l->mem_flags & ~(KTSTR_MPOL_STATIC_NODES | KTSTR_MPOL_RELATIVE_NODES | KTSTR_MPOL_NUMA_BALANCING))
		return BAD(err, "cgroup '%s': unknown memory policy flags 0x%x", cgroup, l->mem_flags);
	/* Nodes without CPUs may be used by all workers. */
	uint64_t all = t->nodes < 64 ? ((uint64_t)1 << t->nodes) - 1 : UINT64_MAX, first = nodes.word[0];
	uint64_t may = topology_nodes_of(t, cpus) | (all & ~topology_nodes_of(t, &t->all));
	for (size_t i = 1; i < CPUSET_WORDS; i++)
		first |= nodes.word[i] ? UINT64_MAX : 0;
	if (wants && (first & ~may))
		return BAD(err, "cgroup '%s': KTSTR_MEM_%s nodes {%s} are not all among the NUMA nodes of its cpuset",
			   cgroup, what, l->mem_nodes);
	return 0;
}

static int node_check(const struct guest_topology *t, const char *cgroup, unsigned node, const struct cpuset_bits *pool,
		      struct err **err)
{
	if (node >= t->nodes)
		return BAD(err, "cgroup '%s': numa_node %u out of range: topology has %u NUMA nodes", cgroup, node,
			   t->nodes);
	if (!(topology_nodes_of(t, pool) >> node & 1))
		return BAD(err, "cgroup '%s': numa_node %u has no CPU in its cpuset", cgroup, node);
	return 0;
}

int affinity_check(const struct guest_topology *t, const char *cgroup, const struct ktstr_affinity *a,
		   const struct cpuset_bits *pool, struct err **err)
{
	struct cpuset_bits set;
	char text[CPUSET_TEXT_MAX];
	unsigned have = cpuset_count(pool);
	if (a->kind >= KTSTR_AFFINITY_KIND_MAX)
		return BAD(err, "cgroup '%s': unknown affinity", cgroup);
	if (a->kind == KTSTR_AFFINITY_NODE)
		return node_check(t, cgroup, a->count, pool, err);
	bool from_list = a->kind == KTSTR_AFFINITY_RANDOM_SUBSET && a->list;
	if (a->kind == KTSTR_AFFINITY_RANDOM_SUBSET && !a->list && a->count > have)
		return BAD(err, "cgroup '%s': KTSTR_AFFINITY(RANDOM_SUBSET) of %u CPUs from a pool of %u", cgroup,
			   a->count, have);
	if (a->kind != KTSTR_AFFINITY_EXACT && !from_list)
		return 0;
	if (!a->list || cpuset_parse(a->list, &set) < 0 || !cpuset_count(&set))
		return BAD(err, "cgroup '%s': affinity '%s' is not a CPU list", cgroup, a->list ? a->list : "");
	if (from_list && a->count > cpuset_count(&set))
		return BAD(err, "cgroup '%s': KTSTR_AFFINITY(RANDOM_SUBSET) of %u CPUs from a list of %u", cgroup,
			   a->count, cpuset_count(&set));
	for (size_t i = 0; i < CPUSET_WORDS; i++)
		set.word[i] &= ~pool->word[i];
	if (cpuset_count(&set))
		return BAD(err, "cgroup '%s': affinity '%s' names CPU(s) {%s} outside its cpuset", cgroup, a->list,
			   cpuset_format(&set, text, sizeof(text)));
	return 0;
}

/* Rejects work types that act on their whole process or create processes: threads cannot run them. */
static int check_threads(const char *cgroup, const struct ktstr_load *l, const struct work_type *type, struct err **err)
{
	bool whole = type->siblings || l->work.type == KTSTR_WORK_FORK_EXIT || l->work.type == KTSTR_WORK_SIGNAL_STORM;
	if (l->clone_mode >= KTSTR_CLONE_MODE_MAX)
		return BAD(err, "cgroup '%s': unknown clone mode", cgroup);
	if (l->pcomm && (!*l->pcomm || strlen(l->pcomm) > 15))
		return BAD(err, "cgroup '%s': pcomm '%s' has not 1 to 15 bytes", cgroup, l->pcomm);
	if (load_threaded(l) && whole)
		return BAD(err, "cgroup '%s': KTSTR_CLONE_THREAD: %s needs processes", cgroup, type->name);
	return 0;
}

int load_check(const struct guest_topology *t, const char *cgroup, const struct ktstr_load *l,
	       const struct cpuset_bits *cpus, unsigned count, struct err **err)
{
	const struct work_type *type = work_type(&l->work);
	const char *why = type && type->check ? type->check(&l->work) : NULL;
	unsigned group = type ? work_group_size(&l->work) : 1;
	if (!type)
		return BAD(err, "cgroup '%s': unknown work type", cgroup);
	if (why)
		return BAD(err, "cgroup '%s': %s", cgroup, why);
	if (l->workers && l->workers_share > 0)
		return BAD(err, "cgroup '%s': workers and workers_share are both said", cgroup);
	if (!(l->workers_share >= 0) || !isfinite(l->workers_share))
		return BAD(err, "cgroup '%s': workers_share %g is not a share", cgroup, l->workers_share);
	if (!count)
		return BAD(err, "cgroup '%s': it needs 1 worker or more", cgroup);
	if (count % group)
		return BAD(err, "cgroup '%s': %s needs a number of workers that is divisible by %u, not %u", cgroup,
			   type->name, group, count);
	if (count > WORKERS_MAX)
		return BAD(err, "cgroup '%s': %u workers, at most %d at once", cgroup, count, WORKERS_MAX);
	if (l->nice.set && (l->nice.value < -20 || l->nice.value > 19))
		return BAD(err, "cgroup '%s': nice %d is not in -20..19", cgroup, l->nice.value);
	if (l->comm && (!*l->comm || strlen(l->comm) > 15))
		return BAD(err, "cgroup '%s': comm '%s' has not 1 to 15 bytes", cgroup, l->comm);
	const char *check = checks_load_problem(&l->checks);
	if (check)
		return BAD(err, "cgroup '%s': %s", cgroup, check);
	if (l->numa_node.set && l->affinity.kind != KTSTR_AFFINITY_INHERIT)
		return BAD(err, "cgroup '%s': numa_node and an affinity are both said", cgroup);
	int r = check_policy(cgroup, &l->policy, err);
	if (r == 0)
		r = check_threads(cgroup, l, type, err);
	if (r == 0 && l->numa_node.set)
		r = node_check(t, cgroup, l->numa_node.value, cpus, err);
	if (r == 0)
		r = affinity_check(t, cgroup, &l->affinity, cpus, err);
	return r == 0 ? check_memory(t, cgroup, l, cpus, err) : r;
}
