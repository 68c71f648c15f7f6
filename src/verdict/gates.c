/* SPDX-License-Identifier: GPL-2.0-only */
/* gates.c -- limits on rates, latencies, migrations and memory nodes (behaviour 3.3). A share of nothing is
 * Inconclusive. */
#include "verdict/checks.h"

static void inconclusive(struct judgement *j, enum detail_kind kind, const char *cgroup, const char *limit,
			 const char *why)
{
	judgement_add(j, kind, KTSTR_INCONCLUSIVE, "cgroup '%s': %s cannot be judged: %s", cgroup, limit, why);
}

/* Absolute limits count on tcg only where the test says so. */
static bool gated(const struct thresholds *t, bool emulated, const char *what, struct judgement *j)
{
	if (!emulated || t->gate_on_tcg)
		return true;
	judgement_add(j, DETAIL_BENCHMARK, KTSTR_INCONCLUSIVE,
		      "%s: an absolute limit is not judged on tcg; .gate_on_tcg = KTSTR_ON judges it in guest time",
		      what);
	return false;
}

/* --- each worker -------------------------------------------------------------------------------------------------- */

static void check_work_rate(const struct wire_worker *w, double floor, struct judgement *j)
{
	double rate = worker_work_rate(w);
	if (rate < floor)
		judgement_add(j, DETAIL_BENCHMARK, KTSTR_FAIL, "worker %d throughput %.0f work/cpu_s below floor %.0f",
			      w->tid, rate, floor);
}

static void check_iteration_rate(const struct wire_worker *w, const char *cgroup, double floor, struct judgement *j)
{
	double rate = w->wall_ns ? (double)w->iterations / ((double)w->wall_ns / 1e9) : 0;
	if (!w->wall_ns)
		inconclusive(j, DETAIL_BENCHMARK, cgroup, "min_iteration_rate", "a worker had no wall time");
	else if (rate < floor)
		judgement_add(j, DETAIL_BENCHMARK, KTSTR_FAIL,
			      "worker %d iteration rate %.1f/s below floor %.1f/s", w->tid, rate, floor);
}

static void check_worker_rates(const struct evidence *e, const struct thresholds *t, struct judgement *j)
{
	for (uint32_t i = 0; i < e->worker_count; i++) {
		const struct wire_worker *w = &e->worker[i].wire;
		if (t->min_work_rate > 0)
			check_work_rate(w, t->min_work_rate, j);
		if (t->min_iteration_rate > 0)
			check_iteration_rate(w, e->cgroup[w->cgroup].name, t->min_iteration_rate, j);
	}
}

/* --- the workers of one load together ----------------------------------------------------------------------------- */

static void check_throughput(const struct cgroup_stats *s, double limit, struct judgement *j)
{
	if (s->workers < 2)
		return;		/* nothing to compare */
	if (s->mean_work_rate <= 0)
		inconclusive(j, DETAIL_UNFAIR, s->name, "max_throughput_cv", "its workers did no work");
	else if (s->throughput_cv > limit)
		judgement_add(j, DETAIL_UNFAIR, KTSTR_FAIL,
			      "cgroup '%s': throughput CV %.3f exceeds limit %.3f (mean=%.0f work/cpu_s)", s->name,
			      s->throughput_cv, limit, s->mean_work_rate);
}

static void check_latency(const struct cgroup_stats *s, double limit_ns, struct judgement *j)
{
	double p99_ns = s->p99_wake_us * 1000;
	if (!s->wake_samples)
		inconclusive(j, DETAIL_BENCHMARK, s->name, "max_p99_wake_latency_ns", "no wake-up was timed");
	else if (p99_ns > limit_ns)
		judgement_add(j, DETAIL_BENCHMARK, KTSTR_FAIL,
			      "cgroup '%s': p99 wake latency %.0fns exceeds limit %.0fns (%lu samples)", s->name,
			      p99_ns, limit_ns, s->wake_samples);
}

static void check_wake_cv(const struct cgroup_stats *s, double limit, struct judgement *j)
{
	if (s->wake_samples < 2)
		inconclusive(j, DETAIL_BENCHMARK, s->name, "max_wake_latency_cv", "fewer than two wake-ups were timed");
	else if (s->wake_cv > limit)
		judgement_add(j, DETAIL_BENCHMARK, KTSTR_FAIL,
			      "cgroup '%s': wake latency CV %.3f exceeds limit %.3f (%lu samples)", s->name, s->wake_cv,
			      limit, s->wake_samples);
}

static void check_migrations(const struct cgroup_stats *s, double limit, struct judgement *j)
{
	if (!s->iterations)
		inconclusive(j, DETAIL_MIGRATION, s->name, "max_migration_ratio", "there were no iterations");
	else if (s->migration_ratio > limit)
		judgement_add(j, DETAIL_MIGRATION, KTSTR_FAIL,
			      "cgroup '%s': migration ratio %.4f exceeds limit %.4f (%lu migrations, %lu iterations)",
			      s->name, s->migration_ratio, limit, s->migrations, s->iterations);
}

/* --- memory nodes ------------------------------------------------------------------------------------------------- */

#define NO_PAGES "no pages were counted"

static void check_locality(const struct cgroup_stats *s, double limit, struct judgement *j)
{
	if (!s->pages)
		inconclusive(j, DETAIL_PAGE_LOCALITY, s->name, "min_page_locality", NO_PAGES);
	else if (s->page_locality < limit)
		judgement_add(j, DETAIL_PAGE_LOCALITY, KTSTR_FAIL,
			      "cgroup '%s': page locality %.3f below threshold %.3f (%lu/%lu pages local)", s->name,
			      s->page_locality, limit, s->local_pages, s->pages);
}

static void check_cross_node(const struct cgroup_stats *s, double limit, struct judgement *j)
{
	if (!s->pages)
		inconclusive(j, DETAIL_CROSS_NODE_MIGRATION, s->name, "max_cross_node_migration_ratio", NO_PAGES);
	else if (s->cross_node_migration_ratio > limit)
		judgement_add(j, DETAIL_CROSS_NODE_MIGRATION, KTSTR_FAIL,
			      "cgroup '%s': cross-node migration ratio %.3f exceeds limit %.3f (%lu of %lu pages)",
			      s->name, s->cross_node_migration_ratio, limit, s->migrated_pages, s->pages);
}

static void check_slow_tier(const struct cgroup_stats *s, double limit, struct judgement *j)
{
	double slow = s->pages ? (double)s->slow_pages / (double)s->pages : 0;
	if (!s->pages)
		inconclusive(j, DETAIL_SLOW_TIER, s->name, "max_slow_tier_ratio", NO_PAGES);
	else if (slow > limit)
		judgement_add(j, DETAIL_SLOW_TIER, KTSTR_FAIL,
			      "cgroup '%s': slow tier ratio %.3f exceeds limit %.3f (%lu/%lu pages)", s->name, slow,
			      limit, s->slow_pages, s->pages);
}

/* Without a cpuset or a policy there is no place where pages should be. */
static void check_nodes(const struct cgroup_stats *s, uint64_t wanted, const struct thresholds *t, struct judgement *j)
{
	if (t->min_page_locality > 0 && wanted)
		check_locality(s, t->min_page_locality, j);
	if (t->max_cross_node_migration_ratio > 0)
		check_cross_node(s, t->max_cross_node_migration_ratio, j);
	if (t->max_slow_tier_ratio > 0)
		check_slow_tier(s, t->max_slow_tier_ratio, j);
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

void check_gates(const struct evidence *e, const struct thresholds *t, bool emulated, struct judgement *j)
{
	bool rates = t->min_work_rate > 0 || t->min_iteration_rate > 0;
	if (rates && gated(t, emulated, "rates", j))
		check_worker_rates(e, t, j);
	bool latency = t->max_p99_wake_latency_ns > 0 && gated(t, emulated, "max_p99_wake_latency_ns", j);
	for (uint32_t i = 0; i < e->cgroup_count; i++) {
		const struct cgroup_stats *s = &j->stats.cgroup[i];
		if (t->max_throughput_cv > 0 && !e->cgroup[i].roles)
			check_throughput(s, t->max_throughput_cv, j);
		if (latency)
			check_latency(s, t->max_p99_wake_latency_ns, j);
		if (t->max_wake_latency_cv > 0)
			check_wake_cv(s, t->max_wake_latency_cv, j);
		if (t->max_migration_ratio > 0)
			check_migrations(s, t->max_migration_ratio, j);
		check_nodes(s, e->cgroup[i].nodes, t, j);
	}
}
