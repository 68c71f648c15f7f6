/* SPDX-License-Identifier: GPL-2.0-only */
/* sched.c -- types that change policies, priorities, CPUs, cgroups; caches, faults, nodes, sibling threads. */
#include <sched.h>

#include "behaviour.h"

static void nice_values(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	uint64_t seen = s->worker[0].nices;
	ktstr_expect(t, bits(seen) >= 12, "%s: %u nice values in %u looks", name, bits(seen), s->worker[0].looks);
	ktstr_expect(t, (seen & 0xfffff) && (seen >> 20), "%s: no values of both signs: %lx", name, seen);
}

static void pins_itself(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	for (unsigned i = 0; i < s->workers; i++)
		ktstr_expect(t, bits(s->worker[i].pinned) >= 3 && !(s->worker[i].pinned & ~0xeul),
			     "%s: worker %u was pinned to CPUs %lx, not to all of 1-3", name, i, s->worker[i].pinned);
	ktstr_expect(t, s->worker[0].count[COUNT_MIGRATIONS] > 20, "%s: %lu migrations", name,
		     s->worker[0].count[COUNT_MIGRATIONS]);
}

static void policies(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	const uint64_t all = 1 << SCHED_OTHER | 1 << SCHED_BATCH | 1 << SCHED_IDLE | 1 << SCHED_FIFO | 1 << SCHED_RR;
	ktstr_expect(t, s->worker[0].policies == all, "%s: policies %lx, not %lx", name, s->worker[0].policies, all);
}

/*
 * One fault per page that a turn touches for the first time: 1024 draws from 1024 pages give some 647 different pages.
 */
static void faults(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	const struct seen *w = &s->worker[0];
	double a_turn = w->turns ? (double)w->faults / (double)w->turns : 0;
	ktstr_expect(t, w->turns > 1 && a_turn > 200 && a_turn < 260, "%s: %.0f faults a turn, not some 226 of 256",
		     name, a_turn);
	ktstr_expect(t, w->faults == w->count[COUNT_FAULTS] || w->faults > 100, "%s: two counts of faults differ",
		     name);
}

static void big_cache(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	ktstr_expect(t, s->worker[0].rss_kib > 2048, "%s: resident are %lu KiB", name, s->worker[0].rss_kib);
	ktstr_expect(t, wants(s, 0) > 0.9, "%s: wants a CPU for %.2f of the time", name, wants(s, 0));
	ktstr_expect(t, s->worker[0].writes == 0, "%s: it writes", name);
}

static void cache_and_yield(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	for (unsigned i = 0; i < 2; i++)
		ktstr_expect(t, s->worker[i].involuntary * 4 > s->worker[i].turns, "%s: %lu switches in %lu turns",
			     name, s->worker[i].involuntary, s->worker[i].turns);
}

/* The kernel also reserves 5 % of each second for ordinary tasks. */
static void real_time_starves(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	ktstr_expect(t, s->worker[0].policies == 1 << SCHED_FIFO && (s->worker[0].priorities & 1ul << 50),
		     "%s: policies %lx, priorities %lx", name, s->worker[0].policies, s->worker[0].priorities);
	ktstr_expect(t, s->worker[1].policies == 1 << SCHED_OTHER, "%s: policies %lx", name, s->worker[1].policies);
	ktstr_expect(t, share(s, 0) > 0.85, "%s: the real-time one has %.2f of the CPU", name, share(s, 0));
	ktstr_expect(t, share(s, 1) > 0.005 && share(s, 1) < 0.15, "%s: the ordinary one has %.2f of the CPU", name,
		     share(s, 1));
}

static void preempts(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	uint64_t preempted = s->worker[1].involuntary + s->worker[2].involuntary;
	ktstr_expect(t, s->worker[0].policies == 1 << SCHED_FIFO, "%s: policies %lx", name, s->worker[0].policies);
	ktstr_expect(t, per_s(s, s->worker[0].voluntary) > 400, "%s: %lu bursts", name, s->worker[0].voluntary);
	ktstr_expect(t, preempted * 10 > s->worker[0].voluntary * 8, "%s: %lu preemptions by %lu bursts", name,
		     preempted, s->worker[0].voluntary);
}

static bool low_was_raised(const struct sight *s)
{
	return s->worker[2].priorities & (1ul << 2 | 1ul << 3);
}

static void tiers(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	for (unsigned i = 0; i < 3; i++)
		ktstr_expect(t, s->worker[i].priorities & 1ul << (3 - i), "%s: worker %u has priorities %lx", name, i,
			     s->worker[i].priorities);
	ktstr_expect(t, s->worker[0].voluntary > 50, "%s: the high one does not wait", name);
}

static void inverted(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	tiers(t, s, name);
	ktstr_expect(t, !low_was_raised(s), "%s: the low one was raised without inheritance: %lx", name,
		     s->worker[2].priorities);
}

static void inherited(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	tiers(t, s, name);
	ktstr_expect(t, low_was_raised(s), "%s: the low one was never raised: %lx", name, s->worker[2].priorities);
}

static void moves(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	ktstr_expect(t, s->worker[0].cgroups >= 2, "%s: it was seen in %u cgroups", name, s->worker[0].cgroups);
}

KTSTR_TEST(behaviour_sched, .cores = 4, .duration_s = 10, .checks = { .not_stuck = KTSTR_OFF })
{
	return ktstr_run_steps(
		t, KTSTR_STEPS(SEE_MS("NiceSweep", nice_values, 300, 3000, 1, WORK(NICE_SWEEP)),
			       SEE_MS("AffinityChurn", pins_itself, 300, 3000, 1, WORK(AFFINITY_CHURN),
				      .cpuset = KTSTR_CPUS("1-3")),
			       SEE_MS("CrossAffinityChurn", pins_itself, 300, 3000, 2, WORK(CROSS_AFFINITY_CHURN),
				      .cpuset = KTSTR_CPUS("1-3")),
			       SEE_MS("PolicyChurn", policies, 300, 3000, 1, WORK(POLICY_CHURN)),
			       SEE("PageFaultChurn", faults, 1, WORK(PAGE_FAULT_CHURN)),
			       SEE("CachePressure", big_cache, 1, WORK(CACHE_PRESSURE, .size_kib = 2048)),
			       SEE("CacheYield", cache_and_yield, 2, WORK(CACHE_YIELD), .cpuset = KTSTR_CPUS("1")),
			       SEE("PreemptStorm", preempts, 3, WORK(PREEMPT_STORM), .cpuset = KTSTR_CPUS("1")),
			       SEE_MS("PriorityInversion", inverted, 300, 2000, 3,
				      WORK(PRIORITY_INVERSION, .hold_iters = 65536), .cpuset = KTSTR_CPUS("1-2")),
			       SEE_MS("PriorityInversion, pi", inherited, 300, 2000, 3,
				      WORK(PRIORITY_INVERSION, .pi = true, .hold_iters = 65536),
				      .cpuset = KTSTR_CPUS("1-2")),
			       SEE("CgroupChurn", moves, 1, WORK(CGROUP_CHURN, .interval_ms = 10))));
}

KTSTR_TEST(behaviour_rt, .cores = 2, .duration_s = 3, .checks = { .not_stuck = KTSTR_OFF })
{
	return ktstr_run_steps(t, KTSTR_STEPS(SEE_MS("RtStarvation", real_time_starves, 2100, 50000, 2,
						     WORK(RT_STARVATION), .cpuset = KTSTR_CPUS("1"))));
}

/* --- nodes and siblings ------------------------------------------------------------------------------------------- */

static void sweeps_nodes(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	ktstr_expect(t, s->worker[0].nodes == 3, "%s: its memory was on nodes %lx, not on both", name,
		     s->worker[0].nodes);
}

static void visits_nodes(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	ktstr_expect(t, (s->worker[0].cpus & 0xf) && (s->worker[0].cpus & 0xf0), "%s: it ran on CPUs %lx, of one node",
		     name, s->worker[0].cpus);
}

static void siblings(struct ktstr_ctx *t, const struct sight *s, const char *name)
{
	uint64_t a = s->worker[0].pinned, b = s->worker[1].pinned;
	ktstr_expect(t, bits(a) == 1 && bits(b) == 1 && a != b, "%s: pinned to %lx and %lx", name, a, b);
	ktstr_expect(t, bits(a | b) == 2 && ((a | b) & 0x55) && ((a | b) & 0xaa) && ((a | b) % 3 == 0),
		     "%s: %lx and %lx are not threads of one core", name, a, b);
	ktstr_expect(t, wants(s, 0) > 0.9 && wants(s, 1) > 0.9, "%s: they do not spin", name);
}

KTSTR_TEST(behaviour_numa, .numa_nodes = 2, .llcs = 2, .cores = 2, .threads = 2, .duration_s = 3,
	   .checks = { .not_stuck = KTSTR_OFF })
{
	return ktstr_run_steps(
		t, KTSTR_STEPS(
			   SEE("NumaWorkingSetSweep", sweeps_nodes, 1, WORK(NUMA_WORKING_SET_SWEEP, .interval_ms = 20)),
			   SEE("NumaMigrationChurn", visits_nodes, 1, WORK(NUMA_MIGRATION_CHURN, .interval_ms = 20)),
			   SEE("SmtSiblingSpin", siblings, 2, WORK(SMT_SIBLING_SPIN))));
}
