/* SPDX-License-Identifier: GPL-2.0-only */
/* gates.c -- limits on throughput, latency, migrations and memory nodes (behaviour 3.3). A share of nothing is
 * Inconclusive. */
#include "verdict/checks.h"

static void inconclusive(struct judgement *j, enum detail_kind kind, const char *cgroup, const char *gate,
			 const char *what)
{
	judgement_add(j, kind, KTSTR_INCONCLUSIVE, "cgroup '%s': %s cannot be judged: %s", cgroup, gate, what);
}

static void check_throughput(const struct evidence *e, const struct cgroup_stats *s, const struct ktstr_checks *c,
			     struct judgement *j, uint32_t index)
{
	if (c->max_throughput_cv > 0 && (s->rated_workers < 2 || s->mean_work_rate <= 0))
		inconclusive(j, DETAIL_UNFAIR, s->name, "max_throughput_cv", "fewer than two workers have a rate");
	else if (c->max_throughput_cv > 0 && s->throughput_cv > c->max_throughput_cv)
		judgement_add(j, DETAIL_UNFAIR, KTSTR_FAIL, "cgroup '%s': throughput CV %.3f exceeds limit %.3f "
							    "(mean=%.0f work/cpu_s)",
			      s->name, s->throughput_cv, c->max_throughput_cv, s->mean_work_rate);
	for (uint32_t i = 0; c->min_work_rate > 0 && i < e->worker_count; i++) {
		const struct wire_worker *w = &e->worker[i].wire;
		double rate = worker_work_rate(w);
		if (w->cgroup != index)
			continue;
		if (rate < 0)
			inconclusive(j, DETAIL_BENCHMARK, s->name, "min_work_rate", "a worker had no CPU time");
		else if (rate < c->min_work_rate)
			judgement_add(j, DETAIL_BENCHMARK, KTSTR_FAIL, "worker %d throughput %.0f work/cpu_s "
								       "below floor %.0f",
				      w->tid, rate, c->min_work_rate);
	}
}

static void check_wakes(const struct cgroup_stats *s, const struct ktstr_checks *c, struct judgement *j)
{
	double p99_ns = s->p99_wake_us * 1000;
	if (c->max_p99_wake_latency_ns > 0 && !s->wake_samples)
		inconclusive(j, DETAIL_BENCHMARK, s->name, "max_p99_wake_latency_ns", "no wake-up was timed");
	else if (c->max_p99_wake_latency_ns > 0 && p99_ns > c->max_p99_wake_latency_ns)
		judgement_add(j, DETAIL_BENCHMARK, KTSTR_FAIL,
			      "cgroup '%s': p99 wake latency %.0fns exceeds limit %.0fns (%lu samples)", s->name,
			      p99_ns, c->max_p99_wake_latency_ns, s->wake_samples);
	if (c->max_wake_latency_cv > 0 && s->wake_samples < 2)
		inconclusive(j, DETAIL_BENCHMARK, s->name, "max_wake_latency_cv", "fewer than two wake-ups were timed");
	else if (c->max_wake_latency_cv > 0 && s->wake_cv > c->max_wake_latency_cv)
		judgement_add(j, DETAIL_BENCHMARK, KTSTR_FAIL, "cgroup '%s': wake latency CV %.3f exceeds limit "
							       "%.3f", s->name,
			      s->wake_cv, c->max_wake_latency_cv);
}

static void check_iterations(const struct evidence *e, const struct cgroup_stats *s, const struct ktstr_checks *c,
			     struct judgement *j, uint32_t index)
{
	for (uint32_t i = 0; c->min_iteration_rate > 0 && i < e->worker_count; i++) {
		const struct wire_worker *w = &e->worker[i].wire;
		if (w->cgroup != index)
			continue;
		double rate = w->wall_ns ? (double)w->iterations / ((double)w->wall_ns / 1e9) : 0;
		if (!w->wall_ns)
			inconclusive(j, DETAIL_BENCHMARK, s->name, "min_iteration_rate", "a worker had no wall time");
		else if (rate < c->min_iteration_rate)
			judgement_add(j, DETAIL_BENCHMARK, KTSTR_FAIL, "worker %d iteration rate %.1f/s below "
								       "floor %.1f/s",
				      w->tid, rate, c->min_iteration_rate);
	}
	if (c->max_migration_ratio > 0 && !s->iterations)
		inconclusive(j, DETAIL_MIGRATION, s->name, "max_migration_ratio", "there were no iterations");
	else if (c->max_migration_ratio > 0 && s->migration_ratio > c->max_migration_ratio)
		judgement_add(j, DETAIL_MIGRATION, KTSTR_FAIL,
			      "cgroup '%s': migration ratio %.4f exceeds limit %.4f (%lu migrations, %lu iterations)",
			      s->name, s->migration_ratio, c->max_migration_ratio, s->migrations, s->iterations);
}

static void check_nodes(const struct cgroup_stats *s, uint64_t wanted, const struct ktstr_checks *c,
			struct judgement *j)
{
	bool any = c->min_page_locality > 0 || c->max_cross_node_migration_ratio > 0 || c->max_slow_tier_ratio > 0;
	if (any && !s->pages) {
		inconclusive(j, DETAIL_PAGE_LOCALITY, s->name, "memory nodes", "no pages were counted");
		return;
	}
	double slow = s->pages ? (double)s->slow_pages / (double)s->pages : 0;
	/* Without a cpuset or a policy there is no place where its pages should be. */
	if (wanted && c->min_page_locality > 0 && s->page_locality < c->min_page_locality)
		judgement_add(j, DETAIL_PAGE_LOCALITY, KTSTR_FAIL,
			      "cgroup '%s': page locality %.3f below threshold %.3f (%lu/%lu pages local)", s->name,
			      s->page_locality, c->min_page_locality, s->local_pages, s->pages);
	if (c->max_cross_node_migration_ratio > 0 && s->cross_node_migration_ratio > c->max_cross_node_migration_ratio)
		judgement_add(j, DETAIL_CROSS_NODE_MIGRATION, KTSTR_FAIL,
			      "cgroup '%s': cross-node migration ratio %.3f exceeds limit %.3f (%lu of %lu pages)",
			      s->name, s->cross_node_migration_ratio, c->max_cross_node_migration_ratio,
			      s->migrated_pages, s->pages);
	if (c->max_slow_tier_ratio > 0 && slow > c->max_slow_tier_ratio)
		judgement_add(j, DETAIL_SLOW_TIER, KTSTR_FAIL, "cgroup '%s': slow tier ratio %.3f exceeds limit "
							       "%.3f (%lu/%lu pages)",
			      s->name, slow, c->max_slow_tier_ratio, s->slow_pages, s->pages);
}

void check_gates(const struct evidence *e, const struct thresholds *t, struct judgement *j)
{
	for (uint32_t i = 0; i < e->cgroup_count; i++) {
		const struct cgroup_stats *s = &j->stats.cgroup[i];
		check_throughput(e, s, &t->rates, j, i);
		check_wakes(s, &t->rates, j);
		check_iterations(e, s, &t->rates, j, i);
		check_nodes(s, e->cgroup[i].nodes, &t->rates, j);
	}
}
