/* SPDX-License-Identifier: GPL-2.0-only */
/* place.c -- policy, priority, CPUs and memory nodes of a worker. */
#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "guest/place.h"

#ifndef SCHED_EXT
#define SCHED_EXT 7
#endif

/* For sched_setattr(2), which glibc 2.36 does not declare. */
struct sched_attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

int place_policy(pid_t pid, const struct ktstr_load *load)
{
	static const uint32_t policies[KTSTR_POLICY_KIND_MAX] = {
		[KTSTR_POLICY_INHERIT] = SCHED_OTHER, [KTSTR_POLICY_NORMAL] = SCHED_OTHER,
		[KTSTR_POLICY_BATCH] = SCHED_BATCH,   [KTSTR_POLICY_IDLE] = SCHED_IDLE,
		[KTSTR_POLICY_FIFO] = SCHED_FIFO,     [KTSTR_POLICY_RR] = SCHED_RR,
		[KTSTR_POLICY_DEADLINE] = 6,	      [KTSTR_POLICY_EXT] = SCHED_EXT,
	};
	const struct ktstr_policy *p = &load->policy;
	unsigned period = p->period_us ? p->period_us : p->deadline_us;
	struct sched_attributes a = {
		.size = sizeof(a),
		.policy = policies[p->kind],
		.nice = load->nice.set ? load->nice.value : 0,
		.priority = p->kind == KTSTR_POLICY_FIFO || p->kind == KTSTR_POLICY_RR ? p->priority : 0,
	};
	if (p->kind == KTSTR_POLICY_DEADLINE) {
		a.runtime = (uint64_t)p->runtime_us * 1000;
		a.deadline = (uint64_t)p->deadline_us * 1000;
		a.period = (uint64_t)period * 1000;
	}
	if (p->kind == KTSTR_POLICY_INHERIT && !load->nice.set)
		return 0;
	return syscall(SYS_sched_setattr, pid, &a, 0) < 0 ? -errno : 0;
}

int place_affinity(pid_t pid, const struct cpuset_bits *cpus)
{
	return syscall(SYS_sched_setaffinity, pid, sizeof(cpus->word), cpus->word) < 0 ? -errno : 0;
}

/* --- affinity ----------------------------------------------------------------------------------------------------- */

static unsigned nth_cpu(const struct cpuset_bits *set, unsigned n)
{
	for (unsigned c = 0; c < CPUSET_CPUS_MAX; c++)
		if (cpuset_has(set, c) && n-- == 0)
			return c;
	return 0;
}

static void pick_subset(const struct cpuset_bits *pool, unsigned count, struct rng *rng, struct cpuset_bits *ret)
{
	struct cpuset_bits left = *pool;
	unsigned have = cpuset_count(pool);
	count = MIN_OF(count ? count : MAX_OF(have / 2, 1u), have);
	for (unsigned i = 0; i < count; i++) {
		unsigned cpu = nth_cpu(&left, (unsigned)rng_below(rng, have - i));
		left.word[cpu / 64] &= ~((uint64_t)1 << cpu % 64);
		cpuset_add(ret, cpu);
	}
}

static void pick_llc(const struct guest_topology *t, const struct cpuset_bits *pool, struct cpuset_bits *ret)
{
	unsigned best = 0;
	for (unsigned i = 0; i < t->cpus; i++) {
		struct cpuset_bits set = { 0 };
		if (t->cpu[i].llc != t->cpu[i].cpu)
			continue;
		for (unsigned k = 0; k < t->cpus; k++)
			if (t->cpu[k].llc == t->cpu[i].llc && cpuset_has(pool, t->cpu[k].cpu))
				cpuset_add(&set, t->cpu[k].cpu);
		if (cpuset_count(&set) > best) {
			best = cpuset_count(&set);
			*ret = set;
		}
	}
}

/*
 * Workers 2k and 2k+1 get the first two threads of the pool's core k; after the last core it starts again at the first.
 */
static void pick_sibling(const struct guest_topology *t, const struct cpuset_bits *pool, unsigned index,
			 struct cpuset_bits *ret)
{
	struct smt_pair pair[GUEST_CPUS_MAX];
	unsigned pairs = topology_smt_pairs(t, pool, pair);
	cpuset_add(ret, pairs ? pair[index / 2 % pairs].cpu[index % 2] : nth_cpu(pool, index % cpuset_count(pool)));
}

static void pick_node(const struct guest_topology *t, const struct cpuset_bits *pool, unsigned node,
		      struct cpuset_bits *ret)
{
	for (unsigned i = 0; i < t->cpus; i++)
		if (t->cpu[i].node == node && cpuset_has(pool, t->cpu[i].cpu))
			cpuset_add(ret, t->cpu[i].cpu);
}

bool affinity_resolve(const struct guest_topology *t, const struct ktstr_affinity *a, const struct cpuset_bits *pool,
		      unsigned index, struct rng *rng, struct cpuset_bits *ret)
{
	struct cpuset_bits from;
	*ret = (struct cpuset_bits){ 0 };
	switch (a->kind) {
	case KTSTR_AFFINITY_RANDOM_SUBSET:
		if (a->list && cpuset_parse(a->list, &from) < 0)
			return false;
		pick_subset(a->list ? &from : pool, a->count, rng, ret);
		break;
	case KTSTR_AFFINITY_NODE:
		pick_node(t, pool, a->count, ret);
		break;
	case KTSTR_AFFINITY_LLC_ALIGNED:
		pick_llc(t, pool, ret);
		break;
	case KTSTR_AFFINITY_CROSS_CGROUP:
		*ret = t->all;
		break;
	case KTSTR_AFFINITY_SINGLE_CPU:
		cpuset_add(ret, nth_cpu(pool, 0));
		break;
	case KTSTR_AFFINITY_SMT_PAIR:
		pick_sibling(t, pool, index, ret);
		break;
	case KTSTR_AFFINITY_EXACT:
		if (cpuset_parse(a->list, ret) < 0)
			return false;
		break;
	case KTSTR_AFFINITY_INHERIT:
	case KTSTR_AFFINITY_KIND_MAX:
		return false;
	}
	return true;
}

/* --- memory ------------------------------------------------------------------------------------------------------- */

int place_memory(const struct ktstr_load *load)
{
	static const int modes[KTSTR_MEM_POLICY_MAX] = {
		[KTSTR_MEM_BIND] = MPOL_BIND,
		[KTSTR_MEM_PREFERRED] = MPOL_PREFERRED,
		[KTSTR_MEM_INTERLEAVE] = MPOL_INTERLEAVE,
		[KTSTR_MEM_LOCAL] = MPOL_LOCAL,
		[KTSTR_MEM_PREFERRED_MANY] = 5,
		[KTSTR_MEM_WEIGHTED_INTERLEAVE] = 6,
	};
	struct cpuset_bits nodes = { 0 };
	if (load->mem_policy == KTSTR_MEM_DEFAULT && load->numa_node.set) {
		cpuset_add(&nodes, load->numa_node.value);
		return syscall(SYS_set_mempolicy, MPOL_PREFERRED, nodes.word, (unsigned long)CPUSET_CPUS_MAX) < 0
			       ? -errno
			       : 0;
	}
	if (load->mem_policy == KTSTR_MEM_DEFAULT)
		return 0;
	if (load->mem_nodes && cpuset_parse(load->mem_nodes, &nodes) < 0)
		return -EINVAL;
	bool none = load->mem_policy == KTSTR_MEM_LOCAL;
	long r = syscall(SYS_set_mempolicy, modes[load->mem_policy] | (int)load->mem_flags, none ? NULL : nodes.word,
			 none ? 0ul : (unsigned long)CPUSET_CPUS_MAX);
	return r < 0 ? -errno : 0;
}
