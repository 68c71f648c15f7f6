/* SPDX-License-Identifier: GPL-2.0-only */
/* exact.c -- see exact.h. */
#include "run/exact.h"

#include <stdio.h>
#include <string.h>

#include <ktstr/scheduler.h>

#include "run/exact_figures.h"
#include "topo/topology.h"
#include "verdict/share.h"

#define ATTACH_FIRST (OBSERVED_EVENTS_FIRST + OBSERVED_EVENTS_MAX) /* id of the first such hook */
#define NAMES_FIRST  (ATTACH_FIRST + EXACT_ATTACH_HOOKS)

/* --- which callbacks a scheduler has ------------------------------------------------------------------------------ */

/* The first argument is what the scheduler declares. */
static const struct {
	const char *symbol, *structure;
} attach_places[EXACT_ATTACH_HOOKS] = {
	{ "bpf_scx_reg", "sched_ext_ops" },
	{ "bpf_scx_reg_cid", "sched_ext_ops_cid" },
};

enum callback { CALLBACK_WEIGHT, CALLBACK_NICE, CALLBACK_OFFLINE, CALLBACK_ONLINE, CALLBACK_QUOTA, CALLBACK_MAX };

static const char *const callbacks[CALLBACK_MAX] = {
	[CALLBACK_WEIGHT] = "cgroup_set_weight",   [CALLBACK_NICE] = "set_weight",
	[CALLBACK_OFFLINE] = "cpu_offline",	   [CALLBACK_ONLINE] = "cpu_online",
	[CALLBACK_QUOTA] = "cgroup_set_bandwidth", /* the last one, because older kernels do not have it */
};

static void find_attach(struct exact *x, const struct kernel_image *image, unsigned place)
{
	struct observe_hook hook = { .address = symbols_find(image->symbols, attach_places[place].symbol),
				     .id = ATTACH_FIRST + place,
				     .kind = OBSERVE_RECORD };
	for (unsigned i = 0; i < CALLBACK_MAX; i++) {
		struct field f = types_field(image->types, attach_places[place].structure, callbacks[i]);
		bool there = field_present(f) && f.size == sizeof(uint64_t);
		if (there)
			hook.read[i] = (struct observe_read){ OBSERVE_ARGUMENT, sizeof(uint64_t), 1, { f.offset } };
		else if (i != CALLBACK_QUOTA)
			return;
		x->reads_quota |= there && i == CALLBACK_QUOTA;
	}
	if (hook.address)
		x->attach[x->attaches++] = hook;
}

static void note_attach(struct exact *x, const struct observe_record *r)
{
	x->attached++;
	x->unknown += r->missed != 0;
	if (r->missed)
		return;
	x->without_weight += !r->value[CALLBACK_WEIGHT];
	x->without_nice += !r->value[CALLBACK_NICE];
	x->without_quota += !x->reads_quota || !r->value[CALLBACK_QUOTA];
	x->without_hotplug += !r->value[CALLBACK_OFFLINE] || !r->value[CALLBACK_ONLINE];
}

/* --- recording ---------------------------------------------------------------------------------------------------- */

/* The CPUs of a node, and those of an LLC, follow one another. */
static void number_places(struct exact *x, const struct ktstr_topology *t)
{
	unsigned first, cpus = MIN_OF(x->cpus, (unsigned)SCHEDULE_CPUS_MAX);
	for (unsigned n = 1; n < t->numa_nodes; n++)
		for (unsigned cpu = topology_first_cpu(t, n, &first) ? first : cpus; cpu < cpus; cpu++)
			x->node[cpu] = (uint8_t)n;
	for (unsigned cpu = 0; cpu < cpus; cpu++)
		x->llc[cpu] = (uint16_t)(cpu / (t->cores * t->threads));
}

struct exact *exact_new(const struct kernel_image *image, const struct ktstr_topology *topology)
{
	unsigned cpus = topology_cpus(topology);
	struct exact *x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->cpus = cpus;
	const char *lack = observed_events_find(&x->events, image, cpus, false);
	if (lack) {
		snprintf(x->lack_text, sizeof(x->lack_text), "the kernel has no %s", lack);
		x->lack = x->lack_text;
		return x;
	}
	number_places(x, topology);
	for (unsigned i = 0; i < EXACT_ATTACH_HOOKS; i++)
		find_attach(x, image, i);
	x->log = schedule_log_new(0);
	x->names = task_names_new(image, NAMES_FIRST);
	const struct schedule_config config = { .cpus = cpus, .node = x->node, .llc = x->llc };
	if (schedule_new(&config, &x->model) < 0 || !x->log || !x->names)
		x->lack = "there is no room for its model";
	return x;
}

unsigned exact_hooks(const struct exact *x, struct observe_hook *out)
{
	if (x->lack)
		return 0;
	memcpy(out, x->events.hook, x->events.hooks * sizeof(*out));
	memcpy(out + x->events.hooks, x->attach, x->attaches * sizeof(*out));
	out += x->events.hooks + x->attaches;
	memcpy(out, x->names->hook, x->names->hooks * sizeof(*out));
	return x->events.hooks + x->attaches + x->names->hooks;
}

void exact_record(struct exact *x, const struct observe_record *r)
{
	struct schedule_event e;
	if (r->hook >= ATTACH_FIRST && r->hook < ATTACH_FIRST + EXACT_ATTACH_HOOKS)
		note_attach(x, r);
	if (!observed_events_read(&x->events, r, &e)) {
		task_names_record(x->names, r);
		return;
	}
	x->recorded++;
	x->missed += r->missed != 0;
	schedule_add(x->model, &e);
	if (x->log)
		schedule_log_add(x->log, &e);
}

/* --- measuring ---------------------------------------------------------------------------------------------------- */

static struct exact_worker measure_worker(const struct exact *x, int32_t tid)
{
	const struct schedule_task *t = schedule_find(x->model, tid);
	if (!t)
		return (struct exact_worker){ 0 };
	const struct schedule_sums *s = &t->sums;
	const struct schedule_idle idle = schedule_task_idle(x->model, t);
	uint64_t wait = schedule_longest_wait(x->model, t);
	return (struct exact_worker){ .known = true,
				      .run_ns = s->slice.sum,
				      .runs = s->runs,
				      .preempted = s->preempted,
				      .migrations = s->migrations,
				      .longest_wait_ns = wait,
				      .wait_end_ns = s->wait.max_end,
				      .wait_lasts = wait > s->wait.max,
				      .wakeups = s->wakeup.count,
				      .median_wakeup_ns = spread_percentile(&s->wakeup, 500),
				      .p99_wakeup_ns = spread_percentile(&s->wakeup, 990),
				      .longest_wakeup_ns = s->wakeup.max,
				      .median_idle_wakeup_ns = spread_percentile(&s->idle_wakeup, 500),
				      .longest_idle_wakeup_ns = s->idle_wakeup.max,
				      .idle_wakeup_end_ns = s->idle_wakeup.max_end,
				      .idle_wait_ns = idle.longest_ns,
				      .idle_wait_end_ns = idle.end_ns,
				      .idle_cpu = idle.cpu,
				      .outside = t->outside.count,
				      .outside_ns = t->outside.time_ns,
				      .outside_cpu = t->outside.cpu };
}

/* --- windows ------------------------------------------------------------------------------------------------------ */

struct tally {
	const struct evidence *e;
	const uint32_t *load_of; /* by index of a task's pid in `pid` */
	const int32_t *pid;
	uint64_t *on_cpu; /* by the same index, and by CPU: run time in all windows */
	unsigned cpus;
	struct exact_window *window;
};

static int find_pid(const struct tally *t, int32_t pid)
{
	unsigned from = 0, to = t->e->worker_count;
	while (from < to) {
		unsigned at = (from + to) / 2;
		if (t->pid[at] == pid)
			return (int)at;
		if (t->pid[at] < pid)
			from = at + 1;
		else
			to = at;
	}
	return -ENOENT;
}

static int add_interval(void *data, const struct schedule_interval *i)
{
	struct tally *t = data;
	int at = find_pid(t, i->pid);
	if (at < 0)
		return 0;
	struct exact_share *s = &t->window->share[t->load_of[at]];
	uint64_t ns = i->end - i->start;
	s->ready_ns += ns;
	if (i->state != SCHEDULE_RUNNING)
		return 0;
	s->run_ns += ns;
	t->on_cpu[(size_t)at * t->cpus + i->cpu] += ns;
	return 0;
}

static int measure_window(const struct exact *x, struct tally *t, struct exact_window *w)
{
	w->share = calloc(MAX_OF(t->e->cgroup_count, 1u), sizeof(*w->share));
	if (!w->share)
		return -ENOMEM;
	struct schedule_filter f = { SCHEDULE_ANY, SCHEDULE_ANY, SCHEDULE_ANY, SCHEDULE_RUNNING };
	t->window = w;
	w->complete = schedule_walk(x->model, &f, w->from_ns, w->to_ns, add_interval, t) == 0;
	f.state = SCHEDULE_RUNNABLE;
	w->complete &= schedule_walk(x->model, &f, w->from_ns, w->to_ns, add_interval, t) == 0;
	return 0;
}

static int compare_workers(const void *a, const void *b)
{
	const struct evidence_worker *const *x = a, *const *y = b;
	return ((*x)->wire.tid > (*y)->wire.tid) - ((*x)->wire.tid < (*y)->wire.tid);
}

/* Workers by pid; @sorted, @pid and @load have room for all. */
static void sort_workers(const struct evidence *e, const struct evidence_worker **sorted, int32_t *pid, uint32_t *load)
{
	for (uint32_t i = 0; i < e->worker_count; i++)
		sorted[i] = &e->worker[i];
	qsort(sorted, e->worker_count, sizeof(*sorted), compare_workers);
	for (uint32_t i = 0; i < e->worker_count; i++) {
		pid[i] = sorted[i]->wire.tid;
		load[i] = sorted[i]->wire.cgroup;
	}
}

/* From when shares have settled, but for at least half of the hold. */
static struct exact_window window_of(const struct evidence *e, uint32_t hold)
{
	uint64_t from = e->phase[hold].time_ns;
	uint64_t to = hold + 1 < e->phase_count ? e->phase[hold + 1].time_ns : e->last_ns;
	to = MAX_OF(from, to);
	return (struct exact_window){ .from_ns = from + MIN_OF((uint64_t)SHARE_SETTLING, (to - from) / 2),
				      .to_ns = to };
}

#define WINDOWS_MAX 16

static int measure_windows(const struct exact *x, struct tally *t, struct exact_evidence *ret)
{
	const struct evidence *e = t->e;
	ret->loads = e->cgroup_count;
	ret->window = calloc(WINDOWS_MAX, sizeof(*ret->window));
	if (!ret->window)
		return -ENOMEM;
	for (uint32_t i = 0; i < e->phase_count && ret->windows < WINDOWS_MAX; i++) {
		if (e->phase[i].wire.kind != WIRE_PHASE_HOLD)
			continue;
		struct exact_window *w = &ret->window[ret->windows];
		*w = window_of(e, i);
		if (measure_window(x, t, w) < 0)
			return -ENOMEM;
		ret->windows++;
	}
	return 0;
}

static int measure_shares(const struct exact *x, const struct evidence *e, struct exact_evidence *ret)
{
	size_t room = MAX_OF(e->worker_count, 1u);
	_cleanup_free_ const struct evidence_worker **sorted = calloc(room, sizeof(*sorted));
	_cleanup_free_ int32_t *pid = calloc(room, sizeof(*pid));
	_cleanup_free_ uint32_t *load = calloc(room, sizeof(*load));
	_cleanup_free_ uint64_t *on_cpu = calloc(room * x->cpus, sizeof(*on_cpu));
	if (!sorted || !pid || !load || !on_cpu)
		return -ENOMEM;
	sort_workers(e, sorted, pid, load);
	struct tally t = { .e = e, .load_of = load, .pid = pid, .on_cpu = on_cpu, .cpus = x->cpus };
	const struct exact_runs runs = { .load_of = load, .ns = on_cpu };
	int r = measure_windows(x, &t, ret);
	return r < 0 ? r : exact_figures_measure(x, e, &runs, ret);
}

/* --- all figures -------------------------------------------------------------------------------------------------- */

/* What the declaration says wins over callbacks: a scheduler may do without one, or have one that does nothing. */
static enum exact_support support_of(const struct exact *x, struct exact_subject subject, enum ktstr_lack lack,
				     unsigned without)
{
	if (!subject.has_scheduler)
		return EXACT_SUPPORTED;
	if (subject.lacks)
		return subject.lacks & lack ? EXACT_UNSUPPORTED : EXACT_SUPPORTED;
	if (!x->attached || x->unknown)
		return EXACT_UNKNOWN;
	return without ? EXACT_UNSUPPORTED : EXACT_SUPPORTED;
}

int exact_measure(const struct exact *x, const struct evidence *e, struct exact_subject subject,
		  struct exact_evidence *ret)
{
	const struct schedule_losses *l = schedule_losses(x->model);
	*ret = (struct exact_evidence){ .weight = support_of(x, subject, KTSTR_LACK_WEIGHT, x->without_weight),
					.nice = support_of(x, subject, KTSTR_LACK_NICE, x->without_nice),
					.quota = support_of(x, subject, KTSTR_LACK_QUOTA, x->without_quota),
					.hotplug = support_of(x, subject, KTSTR_LACK_HOTPLUG, x->without_hotplug),
					.events = x->recorded,
					.lost_events = l->events + l->no_room + x->missed,
					.lost_tasks = l->tasks,
					.lost_gaps = l->gaps,
					.lost_pairs = l->pairs };
	ret->worker = calloc(MAX_OF(e->worker_count, 1u), sizeof(*ret->worker));
	if (!ret->worker)
		return -ENOMEM;
	ret->workers = e->worker_count;
	for (uint32_t i = 0; i < e->worker_count; i++)
		ret->worker[i] = measure_worker(x, e->worker[i].wire.tid);
	ret->unused = calloc(x->cpus, sizeof(*ret->unused));
	if (!ret->unused)
		return -ENOMEM;
	ret->cpus = x->cpus;
	for (unsigned i = 0; i < x->cpus; i++) {
		const struct schedule_unused u = schedule_unused(x->model, i);
		ret->unused[i] = (struct exact_unused){ u.gathered_ns, u.idle_ns, u.first_ns, u.end_ns, u.pid };
	}
	return measure_shares(x, e, ret);
}

int exact_put(const struct exact *x, const char *lack, struct exact_subject subject, struct evidence *e,
	      struct exact_evidence *room)
{
	e->no_exact = x ? x->lack : lack;
	if (!x || x->lack)
		return 0;
	exact_evidence_done(room);
	e->exact = room;
	return exact_measure(x, e, subject, room);
}

void exact_free(struct exact *x)
{
	if (!x)
		return;
	schedule_free(x->model);
	schedule_log_free(x->log);
	free(x->names);
	free(x);
}
