/* SPDX-License-Identifier: GPL-2.0-only */
/* schedule.c -- see schedule.h. */
#include "report/schedule.h"

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
	return o;
}

static json_t *loads_json(const struct evidence *e)
{
	json_t *o = json_array();
	for (uint32_t i = 0; i < e->cgroup_count; i++)
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
	json_put(&o, "windows", windows_json(x));
	return o;
}
