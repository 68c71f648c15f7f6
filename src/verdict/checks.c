/* SPDX-License-Identifier: GPL-2.0-only */
/* checks.c -- checks over workers' telemetry: progress, gaps, spread, isolation (behaviour 3.3). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "verdict/checks.h"

static void check_end(const struct wire_worker *w, const char *cgroup, struct judgement *j)
{
	char how[64];
	if (w->end == WIRE_WORKER_SIGNALED)
		snprintf(how, sizeof(how), "was killed by SIG%s", sigabbrev_np(w->end_code) ?: "?");
	else if (w->end == WIRE_WORKER_EXITED)
		snprintf(how, sizeof(how), "exited with status %d before it was stopped", w->end_code);
	else if (w->end == WIRE_WORKER_TIMED_OUT)
		snprintf(how, sizeof(how), "did not get to run within 5 s of being told to stop");
	else
		return;
	judgement_add(j, w->end == WIRE_WORKER_TIMED_OUT ? DETAIL_STUCK : DETAIL_CRASH, KTSTR_FAIL,
		      "cgroup '%s': worker tid %d %s", cgroup, w->tid, how);
}

static void check_progress(const struct wire_worker *w, struct judgement *j)
{
	if (!w->counts_progress && w->end == WIRE_WORKER_COMPLETED)
		return;		/* a custom function that reports nothing is its author's to judge */
	if (!w->work_units)
		judgement_add(j, DETAIL_STARVED, KTSTR_FAIL, "tid %d starved (0 work units)", w->tid);
}

static void check_gap(const struct wire_worker *w, double limit_ms, struct judgement *j)
{
	uint64_t gap_ms = w->max_gap_ns / 1000000;
	if (limit_ms > 0 && (double)gap_ms > limit_ms)
		judgement_add(j, DETAIL_STUCK, KTSTR_FAIL, "tid %d stuck %lums on cpu%u at +%lums (threshold %.0fms)",
			      w->tid, gap_ms, w->max_gap_cpu, w->max_gap_at_ns / 1000000, limit_ms);
}

static void check_isolation(const struct wire_worker *w, const struct wire_cgroup *g, struct judgement *j)
{
	struct cpuset_bits outside = { 0 };
	char list[CPUSET_TEXT_MAX];
	for (size_t i = 0; i < CPUSET_WORDS; i++)
		outside.word[i] = w->cpus_used[i] & ~g->cpuset[i];
	if (cpuset_count(&outside))
		judgement_add(j, DETAIL_ISOLATION, KTSTR_FAIL, "tid %d ran on unexpected CPUs {%s}", w->tid,
			      cpuset_format(&outside, list, sizeof(list)));
}

static void check_spread(const struct cgroup_stats *s, const struct thresholds *t, struct judgement *j)
{
	if (t->max_spread_pct <= 0 || s->off_cpu_workers < 2 || s->spread_pct <= t->max_spread_pct)
		return;
	judgement_add(j, DETAIL_UNFAIR, KTSTR_FAIL,
		      "unfair cgroup '%s': spread=%.0f%% (%.0f-%.0f%%) %u workers on %u cpus (threshold %.0f%%)",
		      s->name, s->spread_pct, s->min_off_cpu_pct, s->max_off_cpu_pct, s->workers, s->cpus,
		      t->max_spread_pct);
}

/* --- rates, latencies, migrations: only where a limit is set ------------------------------------------------------ */

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

static double work_rate(const struct wire_worker *w)
{
	return w->cpu_ns ? (double)w->work_units / ((double)w->cpu_ns / 1e9) : 0;
}

static double iteration_rate(const struct wire_worker *w)
{
	return w->wall_ns ? (double)w->iterations / ((double)w->wall_ns / 1e9) : 0;
}

static void check_rates(const struct evidence *e, const struct thresholds *t, struct judgement *j)
{
	for (uint32_t i = 0; i < e->worker_count; i++) {
		const struct wire_worker *w = &e->worker[i].wire;
		if (t->min_work_rate > 0 && work_rate(w) < t->min_work_rate)
			judgement_add(j, DETAIL_BENCHMARK, KTSTR_FAIL,
				      "worker %d throughput %.0f work/cpu_s below floor %.0f", w->tid, work_rate(w),
				      t->min_work_rate);
		if (t->min_iteration_rate > 0 && !w->wall_ns)
			judgement_add(j, DETAIL_BENCHMARK, KTSTR_INCONCLUSIVE, "worker %d has no wall time for a rate",
				      w->tid);
		else if (t->min_iteration_rate > 0 && iteration_rate(w) < t->min_iteration_rate)
			judgement_add(j, DETAIL_BENCHMARK, KTSTR_FAIL,
				      "worker %d iteration rate %.1f/s below floor %.1f/s", w->tid, iteration_rate(w),
				      t->min_iteration_rate);
	}
}

/* Population deviation over mean of one cgroup's work rates; negative with fewer than two workers or no work. */
static double throughput_cv(const struct evidence *e, uint32_t cgroup, double *ret_mean)
{
	double sum = 0, squares = 0;
	unsigned n = 0;
	for (uint32_t i = 0; i < e->worker_count; i++) {
		if (e->worker[i].wire.cgroup != cgroup)
			continue;
		sum += work_rate(&e->worker[i].wire);
		n++;
	}
	*ret_mean = n ? sum / n : 0;
	if (n < 2 || *ret_mean <= 0)
		return -1;
	for (uint32_t i = 0; i < e->worker_count; i++) {
		double d = work_rate(&e->worker[i].wire) - *ret_mean;
		squares += e->worker[i].wire.cgroup == cgroup ? d * d : 0;
	}
	return sqrt(squares / n) / *ret_mean;
}

static void check_throughput(const struct evidence *e, uint32_t cgroup, double limit, struct judgement *j)
{
	double mean, cv = throughput_cv(e, cgroup, &mean);
	if (cv > limit)
		judgement_add(j, DETAIL_UNFAIR, KTSTR_FAIL,
			      "cgroup '%s': throughput CV %.3f exceeds limit %.3f (mean=%.0f work/cpu_s)",
			      e->cgroup[cgroup].name, cv, limit, mean);
}

static void check_latency(const struct cgroup_stats *s, double limit_ns, struct judgement *j)
{
	if (!s->wake_samples)
		judgement_add(j, DETAIL_BENCHMARK, KTSTR_INCONCLUSIVE, "cgroup '%s': no wake-up was measured", s->name);
	else if (s->p99_wake_us * 1000 > limit_ns)
		judgement_add(j, DETAIL_BENCHMARK, KTSTR_FAIL,
			      "cgroup '%s': p99 wake latency %.0fns exceeds limit %.0fns (%lu samples)", s->name,
			      s->p99_wake_us * 1000, limit_ns, s->wake_samples);
}

static void check_wake_cv(const struct cgroup_stats *s, double limit, struct judgement *j)
{
	if (s->wake_samples >= 2 && s->wake_cv > limit)
		judgement_add(j, DETAIL_BENCHMARK, KTSTR_FAIL,
			      "cgroup '%s': wake latency CV %.2f exceeds limit %.2f (%lu samples)", s->name, s->wake_cv,
			      limit, s->wake_samples);
}

static void check_migrations(const struct cgroup_stats *s, double limit, struct judgement *j)
{
	if (!s->iterations)
		judgement_add(j, DETAIL_MIGRATION, KTSTR_INCONCLUSIVE,
			      "cgroup '%s': no iterations to hold %lu migrations against", s->name, s->migrations);
	else if (s->migration_ratio > limit)
		judgement_add(j, DETAIL_MIGRATION, KTSTR_FAIL,
			      "cgroup '%s': migration ratio %.3f exceeds limit %.3f (%lu migrations, %lu iterations)",
			      s->name, s->migration_ratio, limit, s->migrations, s->iterations);
}

static void check_benchmarks(const struct evidence *e, const struct thresholds *t, bool emulated, struct judgement *j)
{
	bool rates = t->min_work_rate > 0 || t->min_iteration_rate > 0;
	if (rates && gated(t, emulated, "rates", j))
		check_rates(e, t, j);
	bool latency = t->max_p99_wake_latency_ns > 0 && gated(t, emulated, "max_p99_wake_latency_ns", j);
	for (uint32_t i = 0; i < e->cgroup_count; i++) {
		const struct cgroup_stats *s = &j->stats.cgroup[i];
		if (t->max_throughput_cv > 0)
			check_throughput(e, i, t->max_throughput_cv, j);
		if (latency)
			check_latency(s, t->max_p99_wake_latency_ns, j);
		if (t->max_wake_latency_cv > 0)
			check_wake_cv(s, t->max_wake_latency_cv, j);
		if (t->max_migration_ratio > 0)
			check_migrations(s, t->max_migration_ratio, j);
	}
}

/* --- all of them -------------------------------------------------------------------------------------------------- */

static void check_measured(const struct cgroup_stats *s, const struct wire_cgroup *g, struct judgement *j)
{
	if (s->workers < g->workers)
		judgement_add(j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE, "cgroup '%s': %u of %u workers sent no telemetry",
			      g->name, g->workers - s->workers, g->workers);
}

void check_workers(const struct evidence *e, const struct thresholds *t, bool emulated, struct judgement *j)
{
	for (uint32_t i = 0; i < e->worker_count; i++) {
		const struct wire_worker *w = &e->worker[i].wire;
		const struct wire_cgroup *g = &e->cgroup[w->cgroup];
		if (t->not_starved) {
			check_progress(w, j);
			check_gap(w, t->max_gap_ms, j);
		}
		if (t->isolation && g->has_cpuset)
			check_isolation(w, g, j);
		check_end(w, g->name, j);
	}
	for (uint32_t i = 0; i < e->cgroup_count; i++) {
		if (t->not_starved)
			check_spread(&j->stats.cgroup[i], t, j);
		check_measured(&j->stats.cgroup[i], &e->cgroup[i], j);
	}
	check_benchmarks(e, t, emulated, j);
}
