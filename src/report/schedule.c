/* SPDX-License-Identifier: GPL-2.0-only */
/* schedule.c -- see schedule.h. */
#include "report/schedule.h"

#include <math.h>
#include <stddef.h>

#include "base/json.h"
#include "verdict/exact.h"

static json_t *lost_json(const struct exact_evidence *x)
{
	json_t *o = json_object();
	json_put_u64(&o, "events", x->lost_events);
	json_put_u64(&o, "tasks", x->lost_tasks);
	json_put_u64(&o, "gaps", x->lost_gaps);
	json_put_u64(&o, "pairs", x->lost_pairs);
	return o;
}

/* Of all workers of a load: sums of counts and of run time, and the largest of all other times. */
static void fold(struct exact_worker *all, const struct exact_worker *x)
{
	all->run_ns += x->run_ns;
	all->runs += x->runs;
	all->preempted += x->preempted;
	all->migrations += x->migrations;
	all->wakeups += x->wakeups;
	all->outside += x->outside;
	all->longest_wait_ns = MAX_OF(all->longest_wait_ns, x->longest_wait_ns);
	all->median_wakeup_ns = MAX_OF(all->median_wakeup_ns, x->median_wakeup_ns);
	all->p99_wakeup_ns = MAX_OF(all->p99_wakeup_ns, x->p99_wakeup_ns);
	all->longest_wakeup_ns = MAX_OF(all->longest_wakeup_ns, x->longest_wakeup_ns);
	all->median_idle_wakeup_ns = MAX_OF(all->median_idle_wakeup_ns, x->median_idle_wakeup_ns);
	all->idle_wait_ns = MAX_OF(all->idle_wait_ns, x->idle_wait_ns);
}

/* --- figures of a load or of a control group ---------------------------------------------------------------------- */

static json_t *times_json(const struct exact_times *t)
{
	json_t *o = json_object();
	json_put_u64(&o, "count", t->count);
	json_put_u64(&o, "p50_ns", t->p50);
	json_put_u64(&o, "p90_ns", t->p90);
	json_put_u64(&o, "p99_ns", t->p99);
	json_put_u64(&o, "p999_ns", t->p999);
	json_put_u64(&o, "max_ns", t->max);
	return o;
}

static json_t *moves_json(const struct exact_figures *f)
{
	json_t *o = json_object();
	json_put_u64(&o, "within_llc", f->moves[EXACT_CPU]);
	json_put_u64(&o, "across_llcs", f->moves[EXACT_LLC]);
	json_put_u64(&o, "across_nodes", f->moves[EXACT_NODE]);
	return o;
}

/* Null: no worker ran while a step held. */
static json_t *home_json(const struct exact_figures *f)
{
	if (isnan(f->home[EXACT_CPU]))
		return json_null();
	json_t *o = json_object();
	json_put(&o, "cpu", json_real(f->home[EXACT_CPU]));
	json_put(&o, "llc", json_real(f->home[EXACT_LLC]));
	json_put(&o, "node", json_real(f->home[EXACT_NODE]));
	return o;
}

static void put_figures(json_t **o, const struct exact_figures *f)
{
	json_put(o, "wakeup", times_json(&f->wakeup));
	json_put(o, "wait", times_json(&f->wait));
	json_put(o, "moves", moves_json(f));
	json_put(o, "home", home_json(f));
}

static json_t *cgroups_json(const struct evidence *e)
{
	json_t *all = json_array();
	for (unsigned i = 0; i < e->exact->cgroups; i++) {
		const struct exact_cgroup *g = &e->exact->cgroup[i];
		json_t *o = json_object();
		json_put_text(&o, "cgroup", e->cgroup[g->first].name);
		json_put_u64(&o, "workers", g->figures.workers);
		json_put_u64(&o, "run_ns", g->figures.run_ns);
		json_put_u64(&o, "migrations", g->figures.migrations);
		put_figures(&o, &g->figures);
		json_add(&all, o);
	}
	return all;
}

/* --- loads -------------------------------------------------------------------------------------------------------- */

static json_t *load_json(const struct evidence *e, uint32_t load)
{
	struct exact_worker all = { 0 };
	unsigned workers = 0;
	for (unsigned i = 0; i < e->exact->workers; i++) {
		const struct exact_worker *x = &e->exact->worker[i];
		if (!x->known || e->worker[i].wire.cgroup != load)
			continue;
		workers++;
		fold(&all, x);
	}
	json_t *o = json_object();
	json_put_text(&o, "cgroup", e->cgroup[load].name);
	json_put_u64(&o, "workers", workers);
	json_put_u64(&o, "run_ns", all.run_ns);
	json_put_u64(&o, "runs", all.runs);
	json_put_u64(&o, "preempted", all.preempted);
	json_put_u64(&o, "migrations", all.migrations);
	json_put_u64(&o, "longest_wait_ns", all.longest_wait_ns);
	json_put_u64(&o, "wakeups", all.wakeups);
	json_put_u64(&o, "median_wakeup_ns", all.median_wakeup_ns);
	json_put_u64(&o, "p99_wakeup_ns", all.p99_wakeup_ns);
	json_put_u64(&o, "longest_wakeup_ns", all.longest_wakeup_ns);
	json_put_u64(&o, "median_idle_wakeup_ns", all.median_idle_wakeup_ns);
	json_put_u64(&o, "longest_idle_wait_ns", all.idle_wait_ns);
	json_put_u64(&o, "outside", all.outside);
	put_figures(&o, &e->exact->load[load]);
	return o;
}

static json_t *loads_json(const struct evidence *e)
{
	json_t *o = json_array();
	for (uint32_t i = 0; i < e->cgroup_count && i < e->exact->loads; i++)
		json_add(&o, load_json(e, i));
	return o;
}

static json_t *shares_json(const struct exact_evidence *x, const struct exact_window *w)
{
	json_t *o = json_array();
	for (unsigned i = 0; i < x->loads; i++) {
		json_t *s = json_object();
		json_put_u64(&s, "run_ns", w->share[i].run_ns);
		json_put_u64(&s, "ready_ns", w->share[i].ready_ns);
		json_add(&o, s);
	}
	return o;
}

static json_t *windows_json(const struct exact_evidence *x)
{
	json_t *o = json_array();
	for (unsigned i = 0; i < x->windows; i++) {
		json_t *w = json_object();
		json_put_u64(&w, "from_ns", x->window[i].from_ns);
		json_put_u64(&w, "to_ns", x->window[i].to_ns);
		json_put_bool(&w, "complete", x->window[i].complete);
		json_put(&w, "loads", shares_json(x, &x->window[i]));
		json_add(&o, w);
	}
	return o;
}

/* Null: not known. */
static json_t *support_json(enum exact_support s)
{
	return s == EXACT_UNKNOWN ? json_null() : json_boolean(s == EXACT_SUPPORTED);
}

json_t *schedule_json(const struct result *r)
{
	const struct exact_evidence *x = r->evidence->exact;
	if (!x)
		return json_null();
	json_t *o = json_object();
	json_put_u64(&o, "events", x->events);
	json_put(&o, "lost", lost_json(x));
	json_put(&o, "supports_cpu_weight", support_json(x->weight));
	json_put(&o, "supports_nice", support_json(x->nice));
	json_put(&o, "supports_quota", support_json(x->quota));
	json_put(&o, "supports_hotplug", support_json(x->hotplug));
	json_put(&o, "loads", loads_json(r->evidence));
	json_put(&o, "cgroups", cgroups_json(r->evidence));
	json_put(&o, "windows", windows_json(x));
	return o;
}

/* --- as metrics of a result --------------------------------------------------------------------------------------- */

static const struct {
	const char *wakeup, *wait;
	size_t at;	/* in struct exact_times */
	uint64_t least; /* with fewer durations, the percentile is only their maximum */
} time_metrics[] = {
	{ "sched_wakeup_p50_us", "sched_wait_p50_us", offsetof(struct exact_times, p50), 16 },
	{ "sched_wakeup_p90_us", "sched_wait_p90_us", offsetof(struct exact_times, p90), 16 },
	{ "sched_wakeup_p99_us", "sched_wait_p99_us", offsetof(struct exact_times, p99), 100 },
	{ "sched_wakeup_p999_us", "sched_wait_p999_us", offsetof(struct exact_times, p999), 1000 },
	{ "sched_wakeup_max_us", "sched_wait_max_us", offsetof(struct exact_times, max), 1 },
};

static void put_worst(json_t **o, const char *name, double value, bool less_is_worse)
{
	const json_t *known = json_object_get(*o, name);
	double other = json_number_value(known);
	if (!isnan(value) && (!known || (less_is_worse ? value < other : value > other)))
		json_put_number(o, name, value);
}

static void put_worst_time(json_t **o, const char *name, const struct exact_times *t, size_t at, uint64_t least)
{
	if (t->count >= least)
		put_worst(o, name, (double)*(const uint64_t *)((const char *)t + at) / 1e3, false);
}

json_t *schedule_metrics(const struct result *r)
{
	const struct exact_evidence *x = r->evidence->exact;
	json_t *o = json_object();
	for (unsigned i = 0; x && x->load && i < x->loads; i++) {
		const struct exact_figures *f = &x->load[i];
		for (size_t k = 0; k < ARRAY_SIZE(time_metrics); k++) {
			put_worst_time(&o, time_metrics[k].wakeup, &f->wakeup, time_metrics[k].at,
				       time_metrics[k].least);
			put_worst_time(&o, time_metrics[k].wait, &f->wait, time_metrics[k].at, time_metrics[k].least);
		}
		put_worst(&o, "sched_slice_mean_us", f->slices ? (double)f->run_ns / (double)f->slices / 1e3 : NAN,
			  false);
		double far = (double)(f->moves[EXACT_LLC] + f->moves[EXACT_NODE]);
		put_worst(&o, "sched_llc_migration_rate", f->run_ns ? far * 1e9 / (double)f->run_ns : NAN, false);
		put_worst(&o, "sched_llc_stability", f->home[EXACT_LLC], true);
	}
	return o;
}

/* --- as text ------------------------------------------------------------------------------------------------------ */

static void put_times(const char *what, const struct exact_times *t, struct buf *out)
{
	char half[TIME_TEXT_MAX], nine[TIME_TEXT_MAX], p99[TIME_TEXT_MAX], p999[TIME_TEXT_MAX], longest[TIME_TEXT_MAX];
	if (t->count)
		buf_appendf(out, "      recorded %ss: p50 %s, p90 %s, p99 %s, p99.9 %s, longest %s, of %lu\n", what,
			    nsec_measure((double)t->p50, half), nsec_measure((double)t->p90, nine),
			    nsec_measure((double)t->p99, p99), nsec_measure((double)t->p999, p999),
			    nsec_measure((double)t->max, longest), t->count);
}

void schedule_text(const struct evidence *e, uint32_t load, struct buf *out)
{
	const struct exact_figures *f =
		e->exact && e->exact->load && load < e->exact->loads ? &e->exact->load[load] : NULL;
	if (!f || !f->workers)
		return;
	put_times("wake-up", &f->wakeup, out);
	put_times("wait", &f->wait, out);
	buf_appendf(out, "      moves within an LLC %lu, to another LLC %lu, to another node %lu", f->moves[EXACT_CPU],
		    f->moves[EXACT_LLC], f->moves[EXACT_NODE]);
	if (!isnan(f->home[EXACT_LLC]))
		buf_appendf(out, "; %.1f %% of the CPU time in each worker's own LLC", 100 * f->home[EXACT_LLC]);
	buf_puts(out, "\n");
}
