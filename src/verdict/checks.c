/* SPDX-License-Identifier: GPL-2.0-only */
/* checks.c -- checks of workers' telemetry: progress, gaps, spread, isolation, ends. One finding per load and kind. */
#include <stdio.h>
#include <string.h>

#include <ktstr/load.h>

#include "verdict/checks.h"
#include "verdict/exact_checks.h"
#include "verdict/exact_limits.h"
#include "verdict/gates.h"

#define STOP_TIMEOUT (5 * NSEC_PER_SEC) /* time that the guest gives workers to stop */

/* --- several workers in one finding ------------------------------------------------------------------------------- */

#define TIDS_NAMED 4

/* The workers of a load that share one finding. */
struct crowd {
	uint32_t count;
	const struct wire_worker *first, *worst;
	char tids[64]; /* "40, 41, 42, 43, ..." */
};

static void crowd_add(struct crowd *c, const struct wire_worker *w)
{
	size_t len = strlen(c->tids);
	if (!c->count)
		c->first = c->worst = w;
	if (w->max_gap_ns > c->worst->max_gap_ns)
		c->worst = w;
	if (c->count < TIDS_NAMED)
		snprintf(c->tids + len, sizeof(c->tids) - len, "%s%d", len ? ", " : "", w->tid);
	else if (c->count == TIDS_NAMED)
		snprintf(c->tids + len, sizeof(c->tids) - len, ", ...");
	c->count++;
}

/* "tid 40", or "3 of 8 workers (tids 40, 41, 42)". */
static const char *crowd_name(const struct crowd *c, const struct checked_load *l, char *out, size_t size)
{
	if (c->count == 1)
		snprintf(out, size, "tid %s", c->tids);
	else
		snprintf(out, size, "%u of %u workers (tids %s)", c->count, l->g->workers, c->tids);
	return out;
}

/* A worker stores its CPU number at its first checkpoint, but its CPU time only at its end. */
static bool never_ran(const struct wire_worker *w)
{
	uint64_t cpus = 0;
	for (size_t i = 0; i < CPUSET_WORDS; i++)
		cpus |= w->cpus_used[i];
	return !cpus && !w->cpu_ns && !w->iterations;
}

/* The child is the cause; check_ends() names both. */
static bool waits_for_child(const struct wire_worker *w)
{
	return w->end == WIRE_WORKER_TIMED_OUT && w->end_code > 0;
}

/* --- progress and gaps -------------------------------------------------------------------------------------------- */

static double milliseconds(uint64_t ns)
{
	return (double)ns / 1e6;
}

/* How long a worker of @l may have to wait for a turn because of the test's own weights, quotas and policies. */
static nsec_t load_wait_max(const struct check_run *run, const struct checked_load *l)
{
	return share_wait_max(share_of_worker(run->e, l->index, &run->rivals, run->facts->scx));
}

static void cannot_judge_small_share(struct check_run *run, const struct checked_load *l, enum threshold which,
				     uint64_t window_ns)
{
	double share = share_of_worker(run->e, l->index, &run->rivals, run->facts->scx);
	cannot_judge(run, l, which,
		     "with the weights, quotas, policies and numbers of workers that the test asks for, each worker "
		     "may count on %.2g %% of a CPU, %.3g ms in %.1f s",
		     share * 100, share * milliseconds(window_ns), milliseconds(window_ns) / 1000);
}

static bool is_starved(const struct wire_worker *w)
{
	/* The progress of a custom function that counts nothing cannot be judged. */
	return !w->work_units && (w->counts_progress || w->end != WIRE_WORKER_COMPLETED) && !waits_for_child(w);
}

static void check_progress(struct check_run *run, const struct checked_load *l)
{
	struct crowd crowd = { 0 };
	char who[96];
	for (uint32_t i = 0; i < run->e->worker_count; i++) {
		const struct wire_worker *w = &run->e->worker[i].wire;
		if (w->cgroup == l->index && is_starved(w))
			crowd_add(&crowd, w);
	}
	if (!crowd.count)
		return;
	uint64_t window = MAX_OF(crowd.worst->wall_ns, crowd.worst->max_gap_ns);
	if (window && load_wait_max(run, l) > (nsec_t)window) {
		cannot_judge_small_share(run, l, LIMIT_NOT_STUCK, window);
		return;
	}
	check_fails(run, LIMIT_NOT_STUCK, "%s: %s starved (0 work units)%s, for %.0f ms", l->name,
		    crowd_name(&crowd, l, who, sizeof(who)),
		    never_ran(crowd.worst) ? (crowd.count == 1 ? ", it was never run" : ", one was never run") : "",
		    milliseconds(crowd.worst->max_gap_ns));
	const struct finding_moment moment = exact_wait_moment(run->e, crowd.worst);
	judgement_moment(run->j, &moment);
}

/* The limit; a default one is raised to the wait that the test itself causes. */
static double raised_limit_ms(const struct check_run *run, const struct checked_load *l, enum threshold which)
{
	const struct limit *limit = &l->t.limit[which];
	double asked_for = milliseconds((uint64_t)load_wait_max(run, l));
	return limit->origin == FROM_DEFAULT && asked_for > limit->value ? asked_for : limit->value;
}

static uint64_t longest_gap(const struct wire_worker *w)
{
	return w->max_gap_ns;
}

/* The worker was in its longest gap when the test gave it up. */
static bool gap_is_last(const struct wire_worker *w)
{
	return w->end == WIRE_WORKER_TIMED_OUT && w->max_gap_at_ns == w->wall_ns;
}

/* The worker's longest wait for a CPU as it was recorded, if that is nearly all of its longest gap. */
static struct finding_moment gap_as_recorded(const struct evidence *e, const struct wire_worker *w)
{
	const struct finding_moment m = exact_wait_moment(e, w);
	bool is_gap = (double)(m.to_ns - m.from_ns) >= 0.9 * (double)w->max_gap_ns;
	return is_gap ? m : (struct finding_moment){ .cpu = -1 };
}

/*
 * "from 185 to 334 ms after the test began, then ran on cpu1", as 'ktstr trace' counts, if the gap is a recorded wait.
 * "from +185 to +334 ms, then ran on cpu1" is counted from the worker's start.
 */
static void describe_gap(const struct evidence *e, const struct wire_worker *w, char *out, size_t size)
{
	double from = milliseconds(w->max_gap_at_ns - MIN_OF(w->max_gap_ns, w->max_gap_at_ns));
	double to = milliseconds(w->max_gap_at_ns);
	const struct finding_moment m = gap_as_recorded(e, w);
	if (never_ran(w))
		snprintf(out, size, "; it was never run");
	else if (w->max_gap_ns > w->max_gap_at_ns)
		snprintf(out, size, " before its first turn");
	else if (gap_is_last(w))
		snprintf(out, size, ", from +%.0f ms to the end of the test, on cpu%u", from, w->max_gap_cpu);
	else if (m.to_ns)
		snprintf(out, size, ", from %.0f to %.0f ms after the test began, then ran on cpu%u",
			 exact_test_ms(e, m.from_ns), exact_test_ms(e, m.to_ns), w->max_gap_cpu);
	else
		snprintf(out, size, ", from +%.0f to +%.0f ms, then ran on cpu%u", from, to, w->max_gap_cpu);
}

/* True if the worker waited for a CPU in nearly all of its longest gap. Otherwise it may have slept, or worked on. */
static bool gap_is_wait(const struct evidence *e, const struct wire_worker *w)
{
	return never_ran(w) || (gap_is_last(w) && w->state == 'R') ||
	       (double)w->max_delay_ns >= 0.9 * (double)w->max_gap_ns || gap_as_recorded(e, w).to_ns;
}

static void check_gaps(struct check_run *run, const struct checked_load *l)
{
	double limit = l->t.limit[LIMIT_GAP].value, allowed = raised_limit_ms(run, l, LIMIT_GAP);
	struct crowd crowd = { 0 };
	char others[64] = "", when[96], length[TIME_TEXT_MAX], most[TIME_TEXT_MAX];
	for (uint32_t i = 0; i < run->e->worker_count; i++) {
		const struct wire_worker *w = &run->e->worker[i].wire;
		if (w->cgroup == l->index && milliseconds(w->max_gap_ns) > limit)
			crowd_add(&crowd, w);
	}
	const struct wire_worker *w = find_largest(run, l, longest_gap);
	if (w)
		note_wait(run, l, LIMIT_GAP, (double)w->max_gap_ns, allowed * 1e6);
	if (!crowd.count)
		return;
	if (milliseconds(w->max_gap_ns) <= allowed) {
		cannot_judge_small_share(run, l, LIMIT_GAP, MAX_OF(w->wall_ns, w->max_gap_ns));
		return;
	}
	w = find_over(run, l, LIMIT_GAP, longest_gap, allowed * 1e6);
	if (!w)
		return;
	if (crowd.count > 1)
		snprintf(others, sizeof(others), "; %u of %u workers exceeded the limit", crowd.count, l->g->workers);
	describe_gap(run->e, w, when, sizeof(when));
	check_fails(run, LIMIT_GAP, "%s: tid %d %s for %s%s (limit %s)%s", l->name, w->tid,
		    gap_is_wait(run->e, w) ? "did not run" : "made no progress",
		    nsec_measure((double)w->max_gap_ns, length), when, nsec_measure(allowed * 1e6, most), others);
	const struct finding_moment moment = exact_wait_moment(run->e, w);
	if (gap_is_wait(run->e, w))
		judgement_moment(run->j, &moment);
}

static uint64_t least_delay(const struct wire_worker *w)
{
	return w->max_delay_ns;
}

static uint64_t most_delay(const struct wire_worker *w)
{
	return w->max_delay_most_ns;
}

static uint64_t delay_is_unknown(const struct wire_worker *w)
{
	return !w->delay_known;
}

static void run_delay_is_over(struct check_run *run, const struct checked_load *l, double allowed)
{
	char length[TIME_TEXT_MAX], most[TIME_TEXT_MAX], others[64] = "", when[64] = "";
	const struct wire_worker *w = find_over(run, l, LIMIT_RUN_DELAY, least_delay, allowed * 1e6);
	uint32_t count = 0;
	if (!w)
		return;
	for (uint32_t i = 0; i < run->e->worker_count; i++) {
		const struct wire_worker *other = &run->e->worker[i].wire;
		count += other->cgroup == l->index && milliseconds(other->max_delay_ns) > allowed;
	}
	if (count > 1)
		snprintf(others, sizeof(others), "; %u of %u workers exceeded the limit", count, l->g->workers);
	if (!w->max_delay_end_ns)
		snprintf(when, sizeof(when), " before its first turn");
	else
		snprintf(when, sizeof(when), ", until +%.0f ms, then ran on cpu%u", milliseconds(w->max_delay_end_ns),
			 w->max_delay_cpu);
	check_fails(run, LIMIT_RUN_DELAY, "%s: tid %d was ready to run, but did not run, for %s%s (limit %s)%s",
		    l->name, w->tid, nsec_measure((double)w->max_delay_ns, length), when,
		    nsec_measure(allowed * 1e6, most), others);
}

static uint64_t exact_wait(const struct exact_worker *x)
{
	return x->longest_wait_ns;
}

/* The recorded schedule has the waits of all workers, so that no range is needed. */
static bool knows_waits(const struct check_run *run, const struct checked_load *l)
{
	bool any = false;
	for (uint32_t i = 0; i < run->e->worker_count; i++) {
		const struct wire_worker *w = &run->e->worker[i].wire;
		if (w->cgroup == l->index && !exact_of(run->e, w))
			return false;
		any |= w->cgroup == l->index;
	}
	return any;
}

static void check_exact_waits(struct check_run *run, const struct checked_load *l)
{
	double limit = l->t.limit[LIMIT_RUN_DELAY].value * 1e6,
	       allowed = raised_limit_ms(run, l, LIMIT_RUN_DELAY) * 1e6;
	const struct wire_worker *w = exact_worst(run, l, exact_wait);
	const struct exact_worker *x = exact_of(run->e, w);
	char length[TIME_TEXT_MAX], most[TIME_TEXT_MAX], others[64], end[64];
	double wait = (double)x->longest_wait_ns;
	note_wait(run, l, LIMIT_RUN_DELAY, wait, allowed);
	if (wait > limit && wait <= allowed)
		cannot_judge_small_share(run, l, LIMIT_RUN_DELAY, MAX_OF(w->wall_ns, x->longest_wait_ns));
	check_other_waits(run, l, allowed);
	if (wait <= allowed)
		return;
	exact_name_others(run, l, exact_wait, allowed, others, sizeof(others));
	snprintf(end, sizeof(end), "until %.0f ms after the test began", exact_test_ms(run->e, x->wait_end_ns));
	check_fails(run, LIMIT_RUN_DELAY, "%s: tid %d was ready to run, but did not run, for %s, %s (limit %s)%s",
		    l->name, w->tid, nsec_measure(wait, length), x->wait_lasts ? "to the end of the test" : end,
		    nsec_measure(allowed, most), others);
	const struct finding_moment moment = exact_wait_moment(run->e, w);
	judgement_moment(run->j, &moment);
}

/* Each worker's longest wait is known to be between two numbers. If the limit is between them, it cannot be judged. */
static void check_run_delays(struct check_run *run, const struct checked_load *l)
{
	double limit = l->t.limit[LIMIT_RUN_DELAY].value, allowed = raised_limit_ms(run, l, LIMIT_RUN_DELAY);
	const struct wire_worker *least = find_largest(run, l, least_delay), *most = find_largest(run, l, most_delay);
	const struct wire_worker *unknown = find_largest(run, l, delay_is_unknown);
	char low[TIME_TEXT_MAX], high[TIME_TEXT_MAX];
	if (!least)
		return;
	note_wait_between(run, l, LIMIT_RUN_DELAY, (double)least->max_delay_ns, (double)most->max_delay_most_ns,
			  allowed * 1e6);
	if (milliseconds(least->max_delay_ns) > allowed)
		run_delay_is_over(run, l, allowed);
	else if (milliseconds(least->max_delay_ns) > limit)
		cannot_judge_small_share(run, l, LIMIT_RUN_DELAY, least->wall_ns);
	else if (milliseconds(most->max_delay_most_ns) > limit && milliseconds(most->max_delay_most_ns) <= allowed)
		cannot_judge_small_share(run, l, LIMIT_RUN_DELAY, most->wall_ns);
	else if (delay_is_unknown(unknown))
		cannot_judge(run, l, LIMIT_RUN_DELAY, "the waits of tid %d for a CPU are not known", unknown->tid);
	else if (milliseconds(most->max_delay_most_ns) > limit)
		cannot_judge(run, l, LIMIT_RUN_DELAY,
			     "the longest wait of tid %d for a CPU is between %s and %s, because it made no checkpoint "
			     "between several waits",
			     most->tid, nsec_measure((double)most->max_delay_ns, low),
			     nsec_measure((double)most->max_delay_most_ns, high));
}

/* --- shares of the CPU -------------------------------------------------------------------------------------------- */

static nsec_t shortest_window(const struct check_run *run, const struct checked_load *l)
{
	nsec_t window = INT64_MAX;
	for (uint32_t i = 0; i < run->e->worker_count; i++) {
		const struct wire_worker *w = &run->e->worker[i].wire;
		if (w->cgroup == l->index && w->wall_ns)
			window = MIN_OF(window, (nsec_t)w->wall_ns);
	}
	return window;
}

/* Why the shares of the load's workers are not compared; NULL: they are. */
static const char *no_spread(const struct checked_load *l)
{
	if (l->g->workers < 2)
		return "it has one worker";
	if (l->g->roles)
		return "its workers have different roles";
	return l->s->off_cpu_workers < 2 ? "fewer than two workers had wall time" : NULL;
}

static void check_spread(struct check_run *run, const struct checked_load *l)
{
	const struct limit *limit = &l->t.limit[LIMIT_SPREAD];
	const struct cgroup_stats *s = l->s;
	const char *lacks = no_spread(l);
	double allowed = limit->value;
	run->asked[LIMIT_SPREAD] |= !lacks || limit->origin == FROM_LOAD;
	if (lacks && limit->origin == FROM_LOAD)
		cannot_judge(run, l, LIMIT_SPREAD, "%s", lacks);
	uint32_t cpus = share_cpus(run->e, l->index);
	bool shared = !lacks && cpus > 1 && clock_is_shared(run);
	if (shared)
		cannot_judge(run, l, LIMIT_SPREAD, SHARED_CLOCK_WAITS);
	else if (!lacks)
		note_value(run, l, LIMIT_SPREAD, s->spread_pct, allowed);
	if (lacks || shared || s->spread_pct <= allowed)
		return;
	nsec_t window = shortest_window(run, l);
	double floor = threshold_rows[LIMIT_SPREAD].strict +
		       share_spread_floor(l->g->workers, run->rivals.workers, cpus, window);
	if (limit->origin == FROM_DEFAULT)
		allowed = MAX_OF(allowed, floor);
	if (allowed >= 100)
		cannot_judge(run, l, LIMIT_SPREAD, "%.0f ms are too short to share %u CPUs among %u workers evenly",
			     milliseconds((uint64_t)window), cpus, l->g->workers);
	else if (s->spread_pct > allowed)
		check_fails(run, LIMIT_SPREAD,
			    "unfair %s: spread=%.0f%% (%.0f-%.0f%%) %u workers on %u cpus (threshold %.0f%%); "
			    "tid %d ran most, tid %d least",
			    l->name, s->spread_pct, s->min_off_cpu_pct, s->max_off_cpu_pct, s->workers, s->cpus,
			    allowed, s->min_off_cpu_tid, s->max_off_cpu_tid);
}

/* --- isolation ---------------------------------------------------------------------------------------------------- */

static void check_isolation(struct check_run *run, const struct checked_load *l)
{
	struct cpuset_bits all = { 0 };
	struct crowd crowd = { 0 };
	char list[CPUSET_TEXT_MAX], who[96];
	for (uint32_t i = 0; i < run->e->worker_count; i++) {
		const struct wire_worker *w = &run->e->worker[i].wire;
		bool outside = false;
		for (size_t k = 0; k < CPUSET_WORDS && w->cgroup == l->index; k++) {
			uint64_t bits =
				w->cpus_outside[k] | (l->g->has_cpuset ? w->cpus_used[k] & ~l->g->cpuset[k] : 0);
			all.word[k] |= bits;
			outside |= bits != 0;
		}
		if (outside)
			crowd_add(&crowd, w);
	}
	if (crowd.count)
		check_fails(run, LIMIT_ISOLATION, "%s: %s ran on unexpected CPUs {%s}", l->name,
			    crowd_name(&crowd, l, who, sizeof(who)), cpuset_format(&all, list, sizeof(list)));
}

/* --- ends of workers ---------------------------------------------------------------------------------------------- */

static const char *state_text(uint8_t state)
{
	switch (state) {
	case 'R':
		return "is ready to run, but does not run";
	case 'D':
		return "waits in the kernel";
	case 'S':
		return "sleeps";
	case 'T':
		return "is stopped";
	default:
		return "did not get to run";
	}
}

/* Describes why the worker did not end, as far as that is known. */
static void describe_hang(const struct wire_worker *w, char *out, size_t size)
{
	if (waits_for_child(w))
		snprintf(out, size,
			 "waits for its child %d, which %s, and so did not end within 5 s of being told to stop",
			 w->end_code, state_text(w->child_state));
	else if (w->state == 'R' || !w->state)
		snprintf(out, size, "did not get to run within 5 s of being told to stop");
	else
		snprintf(out, size, "%s and did not end within 5 s of being told to stop", state_text(w->state));
}

static void describe_end(const struct wire_worker *w, char *out, size_t size)
{
	if (w->end == WIRE_WORKER_SIGNALED)
		snprintf(out, size, "was killed by SIG%s", sigabbrev_np(w->end_code) ?: "?");
	else if (w->end == WIRE_WORKER_EXITED && w->end_code < 0)
		snprintf(
			out, size,
			"ended before it was stopped; its exit status is lost, because the test's body ignores SIGCHLD "
			"or waits for all children");
	else if (w->end == WIRE_WORKER_EXITED)
		snprintf(out, size, "exited with status %d before it was stopped", w->end_code);
	else
		describe_hang(w, out, size);
}

static bool ended_wrongly(const struct wire_worker *w)
{
	return w->end == WIRE_WORKER_SIGNALED || w->end == WIRE_WORKER_EXITED || w->end == WIRE_WORKER_TIMED_OUT;
}

/* True if the end of the worker explains missing progress. A worker that did not get to run did not end, either. */
static bool end_is_cause(const struct wire_worker *w)
{
	return w->end != WIRE_WORKER_TIMED_OUT || w->state == 'T';
}

/* True if both workers ended in the same way. The pids of their children may differ. */
static bool ended_alike(const struct wire_worker *w, const struct wire_worker *like)
{
	bool timed_out = w->end == WIRE_WORKER_TIMED_OUT;
	return w->cgroup == like->cgroup && w->end == like->end && end_is_cause(w) == end_is_cause(like) &&
	       (timed_out ? !w->end_code == !like->end_code : w->end_code == like->end_code);
}

static void check_end(struct check_run *run, const struct checked_load *l, const struct wire_worker *first)
{
	char how[200], others[48] = "";
	uint32_t alike = 0;
	for (uint32_t i = first->index + 1; i < run->e->worker_count; i++)
		alike += ended_alike(&run->e->worker[i].wire, first);
	if (!end_is_cause(first) && load_wait_max(run, l) > STOP_TIMEOUT) {
		cannot_judge_small_share(run, l, LIMIT_NOT_STUCK, MAX_OF(first->wall_ns, (uint64_t)STOP_TIMEOUT));
		return;
	}
	describe_end(first, how, sizeof(how));
	if (alike)
		snprintf(others, sizeof(others), "; so did %u more", alike);
	judgement_add(run->j, first->end == WIRE_WORKER_TIMED_OUT ? DETAIL_STUCK : DETAIL_CRASH, KTSTR_FAIL,
		      "%s: worker tid %d %s%s", l->name, first->tid, how, others);
}

/*
 * One finding for each way in which workers of the load ended too early or not at all. @causes: the ends that explain
 * other findings; else the rest.
 */
static void check_ends(struct check_run *run, const struct checked_load *l, bool causes)
{
	const struct wire_worker *seen[8];
	size_t ways = 0;
	for (uint32_t i = 0; i < run->e->worker_count && ways < ARRAY_SIZE(seen); i++) {
		const struct wire_worker *w = &run->e->worker[i].wire;
		bool known = w->cgroup != l->index || !ended_wrongly(w) || end_is_cause(w) != causes;
		for (size_t k = 0; k < ways && !known; k++)
			known = ended_alike(w, seen[k]);
		if (known)
			continue;
		seen[ways++] = w;
		check_end(run, l, w);
	}
}

static void check_measured(struct check_run *run, const struct checked_load *l)
{
	if (l->s->workers < l->g->workers)
		judgement_add(run->j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE, "%s: %u of %u workers sent no telemetry",
			      l->name, l->g->workers - l->s->workers, l->g->workers);
}

/* --- all loads ---------------------------------------------------------------------------------------------------- */

static void name_load(struct checked_load *l)
{
	static const char *const policies[KTSTR_POLICY_KIND_MAX] = {
		[KTSTR_POLICY_BATCH] = ", SCHED_BATCH",	      [KTSTR_POLICY_IDLE] = ", SCHED_IDLE",
		[KTSTR_POLICY_FIFO] = ", SCHED_FIFO",	      [KTSTR_POLICY_RR] = ", SCHED_RR",
		[KTSTR_POLICY_DEADLINE] = ", SCHED_DEADLINE", [KTSTR_POLICY_EXT] = ", SCHED_EXT",
	};
	const struct wire_cgroup *g = l->g;
	const char *policy = g->policy < KTSTR_POLICY_KIND_MAX ? policies[g->policy] : NULL;
	char nice[16] = "", weight[32] = "", quota[32] = "";
	if (g->nice)
		snprintf(nice, sizeof(nice), ", nice %d", g->nice);
	if (g->cpu_weight)
		snprintf(weight, sizeof(weight), ", cpu.weight %u", g->cpu_weight);
	if (g->quota_permyriad)
		snprintf(quota, sizeof(quota), ", quota %g %%", g->quota_permyriad / 100.0);
	snprintf(l->name, sizeof(l->name), "cgroup '%s' (%s%s%s%s%s)", g->name, *g->work ? g->work : "?", policy ?: "",
		 nice, weight, quota);
}

/* Without not_stuck, the checks that belong to it are made only if that layer or a later one sets them. */
static bool is_asked_for(const struct limit *limit, enum threshold which)
{
	const struct limit *progress = &limit[LIMIT_NOT_STUCK];
	return limit[which].on &&
	       (progress->on || (limit[which].origin != FROM_DEFAULT && limit[which].origin >= progress->origin));
}

static void check_load(struct check_run *run, const struct checked_load *l)
{
	const struct limit *limit = l->t.limit;
	if (limit[LIMIT_NOT_STUCK].on)
		check_progress(run, l);
	if (is_asked_for(limit, LIMIT_GAP))
		check_gaps(run, l);
	if (is_asked_for(limit, LIMIT_RUN_DELAY))
		(knows_waits(run, l) ? check_exact_waits : check_run_delays)(run, l);
	if (is_asked_for(limit, LIMIT_IDLE_WAIT))
		check_idle_waits(run, l);
	if (is_asked_for(limit, LIMIT_IDLE_WAKEUP))
		check_idle_wakeups(run, l);
	if (limit[LIMIT_ISOLATION].on) {
		check_isolation(run, l);
		check_exact_isolation(run, l);
	}
	check_ends(run, l, false);
	if (is_asked_for(limit, LIMIT_SPREAD))
		check_spread(run, l);
	else
		run->asked[LIMIT_SPREAD] = true; /* it is switched off here */
	check_measured(run, l);
	check_gates(run, l);
	check_exact_limits(run, l);
}

/* Merges the load's own checks over the test's limits. e->check[] is sorted by load. */
static void merge_load(struct check_run *run, struct checked_load *l)
{
	const struct evidence *e = run->e;
	l->t = *run->facts->limits;
	for (; run->next_check < e->check_count && e->check[run->next_check].cgroup == l->index; run->next_check++) {
		const struct evidence_check *c = &e->check[run->next_check];
		int which = threshold_find(c->name);
		if (which >= 0)
			l->t.limit[which] = (struct limit){ .on = !c->off, .value = c->value, .origin = FROM_LOAD };
	}
}

void check_loads(const struct evidence *e, const struct check_facts *f, struct judgement *j)
{
	struct check_run run = { .e = e, .facts = f, .rivals = share_rivals(e), .j = j };
	for (uint32_t i = 0; i < e->cgroup_count; i++) { /* first, because they can explain findings of all loads */
		struct checked_load l = { .index = i, .g = &e->cgroup[i], .s = &j->stats.cgroup[i], .t = *f->limits };
		name_load(&l);
		check_ends(&run, &l, true);
	}
	for (uint32_t i = 0; i < e->cgroup_count; i++) {
		struct checked_load l = { .index = i, .g = &e->cgroup[i], .s = &j->stats.cgroup[i] };
		name_load(&l);
		merge_load(&run, &l);
		check_load(&run, &l);
	}
	if (f->limits->limit[LIMIT_WEIGHTS].on)
		check_weights(&run);
	if (f->limits->limit[LIMIT_QUOTA].on)
		check_quotas(&run);
	note_unrecorded(&run);
	if (e->has_result && e->result.verdict == KTSTR_PASS) {
		check_unasked_gates(&run);
		check_unasked_exact_limits(&run);
	}
}
