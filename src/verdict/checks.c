/* SPDX-License-Identifier: GPL-2.0-only */
/* checks.c -- checks over workers' telemetry: progress, gaps, spread, isolation (behaviour 3.3). */
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
		outside.word[i] = w->cpus_outside[i] | (g->has_cpuset ? w->cpus_used[i] & ~g->cpuset[i] : 0);
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

static void check_measured(const struct cgroup_stats *s, const struct wire_cgroup *g, struct judgement *j)
{
	if (s->workers < g->workers)
		judgement_add(j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE, "cgroup '%s': %u of %u workers sent no telemetry",
			      g->name, g->workers - s->workers, g->workers);
}

void check_workers(const struct evidence *e, const struct thresholds *t, struct judgement *j)
{
	for (uint32_t i = 0; i < e->worker_count; i++) {
		const struct wire_worker *w = &e->worker[i].wire;
		const struct wire_cgroup *g = &e->cgroup[w->cgroup];
		if (t->not_starved) {
			check_progress(w, j);
			check_gap(w, t->max_gap_ms, j);
		}
		if (t->isolation)
			check_isolation(w, g, j);
		check_end(w, g->name, j);
	}
	for (uint32_t i = 0; i < e->cgroup_count; i++) {
		if (t->not_starved && !e->cgroup[i].roles)
			check_spread(&j->stats.cgroup[i], t, j);
		check_measured(&j->stats.cgroup[i], &e->cgroup[i], j);
	}
}
