/* SPDX-License-Identifier: GPL-2.0-only */
/* exact_shares.c -- see exact_checks.h: shares by weight, and quotas. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <ktstr/load.h>

#include "verdict/exact_checks.h"

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
	return exact_is_throttled(g) || g->policy == KTSTR_POLICY_IDLE || strchr(g->name, '/') ||
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

/* All windows together: one was judged, or none was, for a reason. */
struct weights_seen {
	bool judged;   /* one was compared with its limit */
	char why[160]; /* why the last one was not; "": there was none */
};

/* Inconclusive if somebody set the check; of a default it is recorded. */
static void cannot_judge_weights(struct check_run *run, const char *why)
{
	if (run->facts->limits->limit[LIMIT_WEIGHTS].origin == FROM_DEFAULT)
		judgement_unjudged(run->j, "weights", "%s", why);
	else
		judgement_add(run->j, threshold_rows[LIMIT_WEIGHTS].finding, KTSTR_INCONCLUSIVE,
			      "weights cannot be judged: %s", why);
}

/* Tells how the scheduler supports these weights. */
static bool is_supported(const struct check_run *run, const struct contest *c, struct weights_seen *seen)
{
	const struct exact_evidence *x = run->e->exact;
	enum exact_support s = c->by_nice ? x->nice : x->weight;
	const char *what = c->by_nice ? "nice values" : "cpu.weight",
		   *op = c->by_nice ? "set_weight" : "cgroup_set_weight";
	if (s == EXACT_UNSUPPORTED)
		snprintf(seen->why, sizeof(seen->why),
			 "the scheduler does not support %s: it has no callback %s, or its declaration says so", what,
			 op);
	else if (s == EXACT_UNKNOWN)
		snprintf(seen->why, sizeof(seen->why), "it is not known whether the scheduler supports %s", what);
	return s == EXACT_SUPPORTED;
}

/* Whether the shares of this window tell a scheduler that honours weights from one that does not. */
static bool tells_apart(const struct contest *c, const struct contender *h, const struct outcome *o, double window,
			struct weights_seen *seen)
{
	if (!o->queued)
		snprintf(
			seen->why, sizeof(seen->why),
			"the heaviest, '%.64s', has %.0f worker%s; it needs more workers than CPUs, so that one always "
			"waits",
			h->name, h->tasks, plural((uint64_t)h->tasks));
	/* Not a number if nobody ran. */
	else if (!(o->honoured - o->ignored >= DIFFERENCE_MIN + 4 * (double)SHARE_SLICE / window))
		snprintf(seen->why, sizeof(seen->why),
			 "%s, '%.64s' should get %.0f %%, without it at most %.0f %%: too close for a window of %.2f s",
			 c->by_nice ? "by its nice value" : "by its cpu.weight", h->name, 100 * o->honoured,
			 100 * o->ignored, window / 1e9);
	else
		return true;
	return false;
}

/* True: the check has failed, or cannot be made at all. */
static bool judge_window(struct check_run *run, const struct exact_window *w, struct weights_seen *seen)
{
	struct contest c;
	if (!make_contest(run->e, w, &c))
		return false;
	double window = (double)(w->to_ns - w->from_ns);
	struct outcome o = compare(&c, window);
	const struct contender *h = heaviest(&c);
	if (!tells_apart(&c, h, &o, window, seen))
		return false;
	if (!is_supported(run, &c, seen))
		return true;
	double limit = (o.honoured + o.ignored) / 2;
	seen->judged = true;
	judgement_value(run->j, "cgroup '%s': weights: %.1f %% of the CPU time (at least %.1f %%)", h->name,
			100 * o.actual, 100 * limit);
	if (o.actual >= limit)
		return false;
	check_fails(run, LIMIT_WEIGHTS,
		    "cgroup '%s' got %.1f %% of the CPU time in %.2f s in which all workers were ready to run: "
		    "by %s it should get %.1f %%, without it at most %.1f %% (limit %.1f %%, the middle)",
		    h->name, 100 * o.actual, window / 1e9, c.by_nice ? "its nice value" : "its cpu.weight",
		    100 * o.honoured, 100 * o.ignored, 100 * limit);
	const struct finding_moment moment = { w->from_ns, w->to_ns, 0, -1 };
	judgement_moment(run->j, &moment);
	return true;
}

static bool has_weights(const struct evidence *e)
{
	bool any = false;
	for (uint32_t i = 0; i < e->cgroup_count; i++)
		any |= e->cgroup[i].nice || e->cgroup[i].cpu_weight != e->cgroup[0].cpu_weight;
	return any;
}

void check_weights(struct check_run *run)
{
	const struct exact_evidence *x = run->e->exact;
	struct weights_seen seen = {
		.why = "all workers must be ready to run for 98 % of half a second, after the first second of a step, "
		       "on the same CPUs, and either control groups or nice values differ"
	};
	bool ended = false;
	for (unsigned i = 0; x && !ended && i < x->windows && x->loads == run->e->cgroup_count; i++)
		ended = judge_window(run, &x->window[i], &seen);
	if (x && !seen.judged && has_weights(run->e))
		cannot_judge_weights(run, seen.why);
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
