/* SPDX-License-Identifier: GPL-2.0-only */
/* exact_checks.c -- see exact_checks.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <ktstr/load.h>

#include "verdict/exact_checks.h"

#define WAKEUPS_MIN 16 /* of a worker: with fewer of them, the median says little */

const struct exact_worker *exact_of(const struct evidence *e, const struct wire_worker *w)
{
	return exact_worker_at(e->exact, w->index);
}

/* --- loads -------------------------------------------------------------------------------------------------------- */

static bool is_ordinary(const struct wire_cgroup *g)
{
	return g->policy != KTSTR_POLICY_FIFO && g->policy != KTSTR_POLICY_RR && g->policy != KTSTR_POLICY_DEADLINE;
}

/*
 * Tasks that used up their quota are ready to run, but the kernel keeps them from it. Real-time policies have quotas,
 * too: of all such tasks on a CPU, or of each task's deadline.
 */
static bool is_throttled(const struct wire_cgroup *g)
{
	return g->quota_permyriad || !is_ordinary(g);
}

const struct wire_worker *exact_worst(const struct check_run *run, const struct checked_load *l,
				      exact_figure_fn *figure)
{
	const struct wire_worker *worst = NULL;
	uint64_t most = 0;
	for (uint32_t i = 0; i < run->e->worker_count; i++) {
		const struct wire_worker *w = &run->e->worker[i].wire;
		const struct exact_worker *x = w->cgroup == l->index ? exact_of(run->e, w) : NULL;
		if (!x || (worst && figure(x) <= most))
			continue;
		worst = w;
		most = figure(x);
	}
	return worst;
}

static uint32_t count_over(const struct check_run *run, const struct checked_load *l, exact_figure_fn *figure,
			   double limit)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < run->e->worker_count; i++) {
		const struct wire_worker *w = &run->e->worker[i].wire;
		const struct exact_worker *x = w->cgroup == l->index ? exact_of(run->e, w) : NULL;
		count += x && (double)figure(x) > limit;
	}
	return count;
}

void exact_name_others(const struct check_run *run, const struct checked_load *l, exact_figure_fn *figure, double limit,
		       char *out, size_t size)
{
	uint32_t count = count_over(run, l, figure, limit);
	out[0] = '\0';
	if (count > 1)
		snprintf(out, size, "; %u of %u workers exceeded the limit", count, l->g->workers);
}

/* @ns until @end_ns. */
static struct finding_moment moment_until(uint64_t end_ns, uint64_t ns, int32_t tid, int cpu)
{
	return (struct finding_moment){ end_ns - MIN_OF(ns, end_ns), end_ns, tid, cpu };
}

struct finding_moment exact_wait_moment(const struct evidence *e, const struct wire_worker *w)
{
	const struct exact_worker *x = w ? exact_of(e, w) : NULL;
	if (!x || !x->longest_wait_ns)
		return (struct finding_moment){ .cpu = -1 };
	return moment_until(x->wait_lasts ? e->last_ns : x->wait_end_ns, x->longest_wait_ns, w->tid, -1);
}

double exact_test_ms(const struct evidence *e, uint64_t ns)
{
	uint64_t began = e->phase_count ? e->phase[0].time_ns : 0;
	return ns > began ? (double)(ns - began) / 1e6 : 0;
}

/* The worst worker, if the check can be made for this load. */
static const struct wire_worker *begin_check(struct check_run *run, const struct checked_load *l, enum threshold which,
					     exact_figure_fn *figure)
{
	if (!run->e->exact) {
		if (l->t.limit[which].origin == FROM_LOAD)
			cannot_judge(run, l, which, "the schedule was not recorded%s%s", run->e->no_exact ? ": " : "",
				     run->e->no_exact ?: "");
		return NULL;
	}
	const struct wire_worker *w = exact_worst(run, l, figure);
	bool shared = clock_is_shared(run);
	if (shared)
		cannot_judge(run, l, which, SHARED_CLOCK_WAITS);
	else if (is_throttled(l->g))
		cannot_judge(run, l, which, "its tasks may wait for a quota or a policy, and not for a CPU");
	else if (!w && l->g->workers)
		cannot_judge(run, l, which, "the schedule of its workers was not recorded");
	return shared || is_throttled(l->g) ? NULL : w;
}

/* --- idle CPUs ---------------------------------------------------------------------------------------------------- */

/* 281 ms of 100 were the most that EEVDF needed, for two pairs of tasks that yield to each other all the time. */
#define UNUSED_TIMES 4

/*
 * The default limit gives way to machines with many CPUs: EEVDF balances them at intervals of up to two milliseconds
 * for each CPU.
 */
static double idle_limit(const struct check_run *run, const struct checked_load *l)
{
	const struct limit *limit = &l->t.limit[LIMIT_IDLE_WAIT];
	uint32_t cpus = run->e->cpus ? run->e->cpus : run->e->hello.cpus;
	double ms = limit->origin == FROM_DEFAULT ? fmax(limit->value, 2.0 * cpus) : limit->value;
	return ms * 1e6;
}

static uint64_t idle_wait(const struct exact_worker *x)
{
	return x->idle_wait_ns;
}

static const struct wire_worker *worker_of_tid(const struct evidence *e, int32_t tid)
{
	for (uint32_t i = 0; i < e->worker_count; i++)
		if (e->worker[i].wire.tid == tid)
			return &e->worker[i].wire;
	return NULL;
}

static bool any_throttled(const struct evidence *e)
{
	bool any = false;
	for (uint32_t i = 0; i < e->cgroup_count; i++)
		any |= is_throttled(&e->cgroup[i]);
	return any;
}

/* The CPU that was not used for the longest time, of those that a worker of the load wanted at last; -1: none. */
static int find_unused(const struct check_run *run, const struct checked_load *l)
{
	const struct exact_evidence *x = run->e->exact;
	int worst = -1;
	for (unsigned i = 0; i < x->cpus && !any_throttled(run->e); i++) {
		const struct wire_worker *w = worker_of_tid(run->e, x->unused[i].tid);
		if (w && w->cgroup == l->index && (worst < 0 || x->unused[i].ns > x->unused[worst].ns))
			worst = (int)i;
	}
	return worst;
}

/*
 * Not one task waits for too long, but the CPU is not used all that time. By default it may be idle for longer than a
 * task may wait: EEVDF first leaves tasks where they are that ran half a millisecond ago, as those do that take turns.
 */
static void check_unused_cpus(struct check_run *run, const struct checked_load *l, double task_limit)
{
	int cpu = find_unused(run, l);
	double limit = l->t.limit[LIMIT_IDLE_WAIT].origin == FROM_DEFAULT ? UNUSED_TIMES * task_limit : task_limit;
	char length[TIME_TEXT_MAX], most[TIME_TEXT_MAX], whole[TIME_TEXT_MAX], of[TIME_TEXT_MAX + 8] = "";
	const struct exact_unused *u = cpu < 0 ? NULL : &run->e->exact->unused[cpu];
	if (!u || (double)u->ns <= limit)
		return;
	uint64_t all = u->end_ns - u->first_ns;
	if (all > u->idle_ns + u->idle_ns / 100)
		snprintf(of, sizeof(of), " of %s", nsec_measure((double)all, whole));
	check_fails(
		run, LIMIT_IDLE_WAIT,
		"%s: cpu%d was idle for %s%s, until %.0f ms after the test began, while at every moment some worker "
		"waited that may run there, at last tid %d (limit %s)",
		l->name, cpu, nsec_measure((double)u->idle_ns, length), of, exact_test_ms(run->e, u->end_ns), u->tid,
		nsec_measure(limit, most));
	const struct finding_moment moment = moment_until(u->end_ns, all, u->tid, cpu);
	judgement_moment(run->j, &moment);
}

void check_idle_waits(struct check_run *run, const struct checked_load *l)
{
	double limit = idle_limit(run, l);
	const struct wire_worker *w = begin_check(run, l, LIMIT_IDLE_WAIT, idle_wait);
	char length[TIME_TEXT_MAX], most[TIME_TEXT_MAX], others[64];
	if (!w)
		return;
	const struct exact_worker *x = exact_of(run->e, w);
	note_wait(run, l, LIMIT_IDLE_WAIT, (double)x->idle_wait_ns, limit);
	if ((double)x->idle_wait_ns <= limit) {
		check_unused_cpus(run, l, limit);
		return;
	}
	exact_name_others(run, l, idle_wait, limit, others, sizeof(others));
	check_fails(run, LIMIT_IDLE_WAIT,
		    "%s: tid %d was ready to run for %s while cpu%u, where it may run, was idle, until %.0f ms after "
		    "the test began (limit %s)%s",
		    l->name, w->tid, nsec_measure((double)x->idle_wait_ns, length), x->idle_cpu,
		    exact_test_ms(run->e, x->idle_wait_end_ns), nsec_measure(limit, most), others);
	const struct finding_moment moment =
		moment_until(x->idle_wait_end_ns, x->idle_wait_ns, w->tid, (int)x->idle_cpu);
	judgement_moment(run->j, &moment);
}

static uint64_t idle_wakeup(const struct exact_worker *x)
{
	return x->wakeups < WAKEUPS_MIN ? 0 : x->median_idle_wakeup_ns;
}

void check_idle_wakeups(struct check_run *run, const struct checked_load *l)
{
	double limit = l->t.limit[LIMIT_IDLE_WAKEUP].value * 1e6;
	const struct wire_worker *w = begin_check(run, l, LIMIT_IDLE_WAKEUP, idle_wakeup);
	char length[TIME_TEXT_MAX], most[TIME_TEXT_MAX], longest[TIME_TEXT_MAX], others[64];
	const struct exact_worker *x = w ? exact_of(run->e, w) : NULL;
	if (!x || x->wakeups < WAKEUPS_MIN)
		return;
	note_wait(run, l, LIMIT_IDLE_WAKEUP, (double)x->median_idle_wakeup_ns, limit);
	if ((double)x->median_idle_wakeup_ns <= limit)
		return;
	exact_name_others(run, l, idle_wakeup, limit, others, sizeof(others));
	check_fails(run, LIMIT_IDLE_WAKEUP,
		    "%s: tid %d waited after half of its %lu wake-ups for %s or longer, at most %s, while a CPU where "
		    "it may run was idle (limit %s)%s",
		    l->name, w->tid, x->wakeups, nsec_measure((double)x->median_idle_wakeup_ns, length),
		    nsec_measure((double)x->longest_idle_wakeup_ns, longest), nsec_measure(limit, most), others);
	const struct finding_moment moment = moment_until(x->idle_wakeup_end_ns, x->longest_idle_wakeup_ns, w->tid, -1);
	judgement_moment(run->j, &moment);
}

/* --- tasks that are not workers ----------------------------------------------------------------------------------- */

static const struct exact_other *find_other(const struct exact_evidence *x, uint32_t load)
{
	for (unsigned i = 0; i < x->cgroups; i++)
		if (x->cgroup[i].first == load)
			return &x->cgroup[i].other;
	return NULL;
}

void check_other_waits(struct check_run *run, const struct checked_load *l, double limit_ns)
{
	const struct exact_other *o = find_other(run->e->exact, l->index);
	char length[TIME_TEXT_MAX], most[TIME_TEXT_MAX], end[48];
	if (!o || (double)o->ns <= limit_ns)
		return;
	snprintf(end, sizeof(end), "until %.0f ms after the test began", exact_test_ms(run->e, o->end_ns));
	check_fails(run, LIMIT_RUN_DELAY,
		    "%s: tid %d, which is not a worker, was ready to run, but did not run, for %s, %s (limit %s)",
		    l->name, o->tid, nsec_measure((double)o->ns, length), o->lasts ? "to the end of the test" : end,
		    nsec_measure(limit_ns, most));
	const struct finding_moment moment = moment_until(o->lasts ? run->e->last_ns : o->end_ns, o->ns, o->tid, -1);
	judgement_moment(run->j, &moment);
}

/* --- isolation ---------------------------------------------------------------------------------------------------- */

static uint64_t outside(const struct exact_worker *x)
{
	return x->outside;
}

void check_exact_isolation(struct check_run *run, const struct checked_load *l)
{
	const struct wire_worker *w = run->e->exact ? exact_worst(run, l, outside) : NULL;
	const struct exact_worker *x = w ? exact_of(run->e, w) : NULL;
	if (!x || !x->outside)
		return;
	check_fails(run, LIMIT_ISOLATION,
		    "%s: tid %d began to run %lu times on a CPU where it may not run, first on cpu%u %.0f ms after the "
		    "test began",
		    l->name, w->tid, x->outside, x->outside_cpu, exact_test_ms(run->e, x->outside_ns));
	const struct finding_moment moment = moment_until(x->outside_ns, 0, w->tid, (int)x->outside_cpu);
	judgement_moment(run->j, &moment);
}

/* --- shares by weight --------------------------------------------------------------------------------------------- */

#define CONTENDERS_MAX 16
#define WEIGHT_USUAL   100.0
#define SATURATED      0.98 /* of the time its workers could run */
#define ABSENT	       0.01
#define DIFFERENCE_MIN 0.10 /* of all CPU time, between a share by weight and one without */
#define WINDOW_MIN_NS  (500 * NSEC_PER_MSEC)

/* Loads of one cgroup, or one load, that compete with others for the same CPUs. */
struct contender {
	const char *name;
	double weight, tasks, run_ns;
	double share; /* as computed by share_out() */
};

struct contest {
	bool by_nice; /* else by the weights of cgroups */
	unsigned count;
	struct contender who[CONTENDERS_MAX];
};

static double nice_weight(int nice)
{
	return pow(1.25, -nice);
}

/* Shares by weight of @cpus CPUs; nobody can use more CPUs than it has tasks. What is left goes to the others. */
static void share_out(struct contest *c, double cpus, double (*weight_of)(const struct contender *))
{
	bool full[CONTENDERS_MAX] = { false };
	for (bool again = true; again;) {
		double left = cpus, weights = 0;
		again = false;
		for (unsigned i = 0; i < c->count; i++) {
			left -= full[i] ? c->who[i].tasks : 0;
			weights += full[i] ? 0 : weight_of(&c->who[i]);
		}
		for (unsigned i = 0; i < c->count; i++) {
			struct contender *w = &c->who[i];
			w->share = full[i] ? w->tasks : left * weight_of(w) / weights;
			if (!full[i] && w->share > w->tasks) {
				full[i] = again = true;
				break;
			}
		}
	}
}

static double by_weight(const struct contender *c)
{
	return c->weight;
}

static double by_tasks(const struct contender *c)
{
	return c->tasks;
}

static double by_name(const struct contender *c)
{
	(void)c;
	return 1;
}

static struct contender *heaviest(struct contest *c)
{
	struct contender *h = &c->who[0];
	for (unsigned i = 1; i < c->count; i++)
		h = c->who[i].weight / (c->by_nice ? c->who[i].tasks : 1) > h->weight / (c->by_nice ? h->tasks : 1)
			    ? &c->who[i]
			    : h;
	return h;
}

/* A load whose share of the CPU depends on something else than a weight, or on one of several levels of weights. */
static bool is_special(const struct evidence *e, const struct wire_cgroup *g)
{
	const struct wire_cgroup *first = &e->cgroup[0];
	return is_throttled(g) || g->policy == KTSTR_POLICY_IDLE || strchr(g->name, '/') ||
	       g->has_cpuset != first->has_cpuset || memcmp(g->cpuset, first->cpuset, sizeof(g->cpuset)) != 0;
}

static struct contender *find_contender(struct contest *c, const struct wire_cgroup *g)
{
	for (unsigned i = 0; i < c->count && !c->by_nice; i++)
		if (!strcmp(c->who[i].name, g->name))
			return &c->who[i];
	if (c->count == CONTENDERS_MAX)
		return NULL;
	c->who[c->count] = (struct contender){ .name = g->name };
	return &c->who[c->count++];
}

/* False: some load can sleep or is special, so that weights do not say what it gets. */
static bool add_load(const struct evidence *e, const struct exact_window *w, uint32_t load, struct contest *c)
{
	const struct wire_cgroup *g = &e->cgroup[load];
	double all = (double)(w->to_ns - w->from_ns) * g->workers, ready = (double)w->share[load].ready_ns;
	if (!g->workers || ready < ABSENT * all)
		return true;
	struct contender *who = ready >= SATURATED * all && !is_special(e, g) ? find_contender(c, g) : NULL;
	if (!who)
		return false;
	who->weight = c->by_nice ? who->weight + g->workers * nice_weight(g->nice)
				 : (g->cpu_weight ? g->cpu_weight : WEIGHT_USUAL);
	who->tasks += g->workers;
	who->run_ns += (double)w->share[load].run_ns;
	return true;
}

/* Which weights decide: those of cgroups if no load has a nice value; nice values if there is one cgroup. */
static bool choose_weights(const struct evidence *e, struct contest *c)
{
	bool nice = false, cgroups = false;
	for (uint32_t i = 0; i < e->cgroup_count; i++) {
		nice |= e->cgroup[i].nice != 0;
		cgroups |= strcmp(e->cgroup[i].name, e->cgroup[0].name) != 0;
	}
	*c = (struct contest){ .by_nice = nice };
	return !nice || !cgroups;
}

static bool make_contest(const struct evidence *e, const struct exact_window *w, struct contest *c)
{
	if (!w->complete || w->to_ns < w->from_ns + WINDOW_MIN_NS || !choose_weights(e, c))
		return false;
	for (uint32_t i = 0; i < e->cgroup_count; i++)
		if (!add_load(e, w, i, c))
			return false;
	return c->count > 1;
}

/*
 * The share of the heaviest contender, as a part of what all of them got: by weight, at most without weights (by the
 * number of tasks, or the same for each), and what it had.
 */
struct outcome {
	double honoured, ignored, actual;
	bool queued; /* there is always one of its tasks that waits */
};

static struct outcome compare(struct contest *c, double window_ns)
{
	double run = 0;
	for (unsigned i = 0; i < c->count; i++)
		run += c->who[i].run_ns;
	double cpus = run / window_ns;
	struct contender *h = heaviest(c);
	struct outcome o = { .actual = h->run_ns / run, .queued = h->tasks > cpus + 0.5 };
	share_out(c, cpus, by_weight);
	o.honoured = h->share / cpus;
	share_out(c, cpus, by_tasks);
	o.ignored = h->share / cpus;
	share_out(c, cpus, by_name);
	o.ignored = c->by_nice ? o.ignored : fmax(o.ignored, h->share / cpus);
	return o;
}

/* Tells how the scheduler supports these weights; false: they cannot be judged, which is recorded. */
static bool is_supported(struct check_run *run, const struct contest *c)
{
	const struct exact_evidence *x = run->e->exact;
	enum exact_support s = c->by_nice ? x->nice : x->weight;
	const char *what = c->by_nice ? "nice values" : "cpu.weight",
		   *op = c->by_nice ? "set_weight" : "cgroup_set_weight";
	if (s == EXACT_UNSUPPORTED)
		judgement_unjudged(
			run->j, "weights",
			"the scheduler does not support %s: it has no callback %s, or its declaration says so", what,
			op);
	else if (s == EXACT_UNKNOWN)
		judgement_unjudged(run->j, "weights", "it is not known whether the scheduler supports %s", what);
	return s == EXACT_SUPPORTED;
}

/* True: this window was judged, or cannot be. */
static bool judge_window(struct check_run *run, const struct exact_window *w)
{
	struct contest c;
	if (!make_contest(run->e, w, &c))
		return false;
	double window = (double)(w->to_ns - w->from_ns);
	struct outcome o = compare(&c, window);
	/* Not a number if nobody ran. */
	if (!o.queued || !(o.honoured - o.ignored >= DIFFERENCE_MIN + 4 * (double)SHARE_SLICE / window))
		return false;
	if (!is_supported(run, &c))
		return true;
	const struct contender *h = heaviest(&c);
	double limit = (o.honoured + o.ignored) / 2;
	judgement_value(run->j, "cgroup '%s': share of the CPU time %.0f %% (limit %.0f %%)", h->name, 100 * o.actual,
			100 * limit);
	if (o.actual >= limit)
		return false;
	check_fails(run, LIMIT_WEIGHTS,
		    "cgroup '%s' got %.1f %% of the CPU time in %.2f s in which all workers were ready to run: "
		    "by %s it should get %.1f %%, and without %.1f %% (limit %.1f %%)",
		    h->name, 100 * o.actual, window / 1e9, c.by_nice ? "its nice value" : "its cpu.weight",
		    100 * o.honoured, 100 * o.ignored, 100 * limit);
	const struct finding_moment moment = moment_until(w->to_ns, w->to_ns - w->from_ns, 0, -1);
	judgement_moment(run->j, &moment);
	return true;
}

void check_weights(struct check_run *run)
{
	const struct exact_evidence *x = run->e->exact;
	for (unsigned i = 0; x && i < x->windows && x->loads == run->e->cgroup_count; i++)
		if (judge_window(run, &x->window[i]))
			return;
}

/* --- quotas ------------------------------------------------------------------------------------------------------- */

/*
 * A window can begin and end within a period, so two more periods may count. Beside that, a quarter is for the slices
 * that CPUs take from a quota in advance.
 */
#define QUOTA_PERIOD_NS (100 * NSEC_PER_MSEC)
#define QUOTA_MARGIN	1.25

/* CPU time of all loads of a cgroup. */
static double cgroup_run_ns(const struct evidence *e, const struct exact_window *w, const char *name)
{
	double ns = 0;
	for (uint32_t i = 0; i < e->cgroup_count; i++)
		ns += strcmp(e->cgroup[i].name, name) ? 0 : (double)w->share[i].run_ns;
	return ns;
}

/* True: the quota was judged and broken, or cannot be judged. */
static bool judge_quota(struct check_run *run, const struct exact_window *w, const struct wire_cgroup *g)
{
	double window = (double)(w->to_ns - w->from_ns), quota = g->quota_permyriad / 1e4;
	double used = cgroup_run_ns(run->e, w, g->name) / window;
	double limit = quota * (QUOTA_MARGIN + 2 * (double)QUOTA_PERIOD_NS / window);
	if (!g->quota_permyriad || !w->complete || window < WINDOW_MIN_NS)
		return false;
	if (run->e->exact->quota != EXACT_SUPPORTED) {
		judgement_unjudged(run->j, "quota", "%s",
				   run->e->exact->quota == EXACT_UNSUPPORTED
					   ? "the scheduler does not support cpu.max"
					   : "it is not known whether the scheduler supports cpu.max");
		return true;
	}
	judgement_value(run->j, "cgroup '%s': CPU time %.0f %% of a CPU (limit %.0f %%)", g->name, 100 * used,
			100 * limit);
	if (used > limit)
		check_fails(
			run, LIMIT_QUOTA,
			"cgroup '%s' used %.1f %% of a CPU in %.2f s, and its cpu.max allows %.1f %% (limit %.1f %%)",
			g->name, 100 * used, window / 1e9, 100 * quota, 100 * limit);
	return used > limit;
}

void check_quotas(struct check_run *run)
{
	const struct exact_evidence *x = run->e->exact;
	for (unsigned i = 0; x && i < x->windows && x->loads == run->e->cgroup_count; i++)
		for (uint32_t k = 0; k < run->e->cgroup_count; k++)
			if (judge_quota(run, &x->window[i], &run->e->cgroup[k]))
				return;
}

/* --- without a recorded schedule ---------------------------------------------------------------------------------- */

static bool needs_record(enum threshold which)
{
	return which == LIMIT_WEIGHTS || which == LIMIT_QUOTA ||
	       (which >= LIMIT_IDLE_WAIT && which <= LIMIT_LLC_STABILITY);
}

void note_unrecorded(struct check_run *run)
{
	bool lacks = !run->e->exact && run->e->no_exact && run->e->cgroup_count;
	for (unsigned i = 0; i < LIMIT_MAX && lacks; i++) {
		const struct limit *limit = &run->facts->limits->limit[i];
		const struct threshold_row *row = &threshold_rows[i];
		if (!needs_record(i))
			continue;
		if (limit->on && limit->origin != FROM_DEFAULT)
			judgement_add(run->j, row->finding, KTSTR_INCONCLUSIVE,
				      "%s cannot be judged: the schedule was not recorded: %s", row->name,
				      run->e->no_exact);
		else if (limit->on)
			judgement_unjudged(run->j, row->name, "the schedule was not recorded: %s", run->e->no_exact);
	}
}
