/* SPDX-License-Identifier: GPL-2.0-only */
/* guest.c -- see guest.h. */
#include "ctprof/guest.h"

#include <string.h>

#include "base/text.h"
#include "ctprof/proc_text.h"
#include "monitor/tasks.h"

#define THREADS_MAX	 1000000u
#define USER_TICKS	 100 /* a second: the unit of times in /proc on all architectures that we run */
#define USER_TICK_NS	 (NSEC_PER_SEC / USER_TICKS)
#define NICE_0		 120 /* static_prio of nice 0 */
#define REAL_TIME_LEVELS 100 /* prio of the lowest ordinary priority */

/* --- where the values are ----------------------------------------------------------------------------------------- */

enum place { IN_TASK, IN_STATISTICS, IN_DELAYS, PLACE_MAX };

/* The struct, and the member of a task that is it or points to it. */
static const char *const structures[PLACE_MAX] = { "task_struct", "task_struct", "task_delay_info" };

struct place_row {
	const char *metric;
	enum place place;
	const char *path;
};

#define STATISTIC(name)                              \
	{                                            \
#name, IN_STATISTICS, "stats." #name \
	}
#define DELAY(name)                                                \
	{ #name "_delay_count", IN_DELAYS, #name "_count" },       \
	{                                                          \
#name "_delay_total_ns", IN_DELAYS, #name "_delay" \
	}

static const struct place_row places[] = {
	{ "run_time_ns", IN_TASK, "se.sum_exec_runtime" },
	{ "wait_time_ns", IN_TASK, "sched_info.run_delay" },
	{ "timeslices", IN_TASK, "sched_info.pcount" },
	{ "voluntary_csw", IN_TASK, "nvcsw" },
	{ "nonvoluntary_csw", IN_TASK, "nivcsw" },
	{ "nr_migrations", IN_TASK, "se.nr_migrations" },
	{ "fair_slice_ns", IN_TASK, "se.slice" },
	{ "minflt", IN_TASK, "min_flt" },
	{ "majflt", IN_TASK, "maj_flt" },
	{ "rt_priority", IN_TASK, "rt_priority" },
	{ "rchar", IN_TASK, "ioac.rchar" },
	{ "wchar", IN_TASK, "ioac.wchar" },
	{ "syscr", IN_TASK, "ioac.syscr" },
	{ "syscw", IN_TASK, "ioac.syscw" },
	{ "read_bytes", IN_TASK, "ioac.read_bytes" },
	{ "write_bytes", IN_TASK, "ioac.write_bytes" },
	{ "cancelled_write_bytes", IN_TASK, "ioac.cancelled_write_bytes" },
	{ "cpu_delay_count", IN_TASK, "sched_info.pcount" },
	{ "cpu_delay_total_ns", IN_TASK, "sched_info.run_delay" },
	{ "voluntary_sleep_ns", IN_STATISTICS, "stats.sum_sleep_runtime" },
	{ "block_sum", IN_STATISTICS, "stats.sum_block_runtime" },
	STATISTIC(iowait_sum),
	STATISTIC(iowait_count),
	STATISTIC(wait_sum),
	STATISTIC(wait_count),
	STATISTIC(wait_max),
	STATISTIC(sleep_max),
	STATISTIC(block_max),
	STATISTIC(exec_max),
	STATISTIC(slice_max),
	STATISTIC(core_forceidle_sum),
	STATISTIC(nr_wakeups),
	STATISTIC(nr_wakeups_local),
	STATISTIC(nr_wakeups_remote),
	STATISTIC(nr_wakeups_sync),
	STATISTIC(nr_wakeups_migrate),
	STATISTIC(nr_wakeups_affine),
	STATISTIC(nr_wakeups_affine_attempts),
	STATISTIC(nr_forced_migrations),
	STATISTIC(nr_failed_migrations_affine),
	STATISTIC(nr_failed_migrations_running),
	STATISTIC(nr_failed_migrations_hot),
	DELAY(blkio),
	DELAY(swapin),
	DELAY(freepages),
	DELAY(thrashing),
	DELAY(compact),
	DELAY(wpcopy),
	DELAY(irq),
};

struct guest_capture {
	const struct guest_source *from;
	struct profile *s;
	struct field field[ARRAY_SIZE(places)], delays, start, nr_threads;
	unsigned metric[ARRAY_SIZE(places)];
	unsigned priority, nice, processor;
	bool statistics; /* the kernel counts them */
	bool failed;
};

static unsigned metric_index(const char *name)
{
	const struct metric_row *m = metric_row_find(name);
	return m ? (unsigned)(m - metric_rows) : METRIC_ROWS_MAX;
}

/* schedstats are off unless somebody switched them on; then all are 0, which says nothing. */
static bool counts_statistics(const struct guest_capture *g)
{
	struct view *v = g->from->in->view;
	struct field f = types_field(g->from->types, "static_key_false", "key.enabled.counter");
	uint64_t on = 0, key = view_symbol(v, "sched_schedstats");
	return key && view_read_field(v, key, f, &on) && on;
}

static void find_places(struct guest_capture *g)
{
	const struct types *t = g->from->types;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		g->field[i] = types_field(t, structures[places[i].place], places[i].path);
		g->metric[i] = metric_index(places[i].metric);
	}
	g->delays = types_field(t, "task_struct", "delays");
	g->start = types_field(t, "task_struct", "start_boottime");
	g->nr_threads = types_field(t, "signal_struct", "nr_threads");
	g->priority = metric_index("priority");
	g->nice = metric_index("nice");
	g->processor = metric_index("processor");
	g->statistics = counts_statistics(g);
}

/* --- one thread --------------------------------------------------------------------------------------------------- */

static void set_if(struct thread *t, unsigned metric, bool known, int64_t value)
{
	if (known && metric < METRIC_ROWS_MAX)
		thread_set(t, metric, value);
}

static void read_values(struct guest_capture *g, uint64_t task, struct thread *t)
{
	struct view *v = g->from->in->view;
	uint64_t object[PLACE_MAX] = { task, g->statistics ? task : 0, 0 }, value;
	if (field_present(g->delays) && view_read_field(v, task, g->delays, &value))
		object[IN_DELAYS] = value;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (object[places[i].place] && field_present(g->field[i]) &&
		    view_read_field(v, object[places[i].place], g->field[i], &value))
			set_if(t, g->metric[i], true, (int64_t)value);
}

static char *allowed_cpus(struct inspector *in, uint64_t task)
{
	json_auto_t *o = json_object();
	inspect_put_cpus(in, &o, "cpus", inspect_get(in, LAYOUT_TASK_CPUS_PTR, task));
	const char *text = json_string_value(json_object_get(o, "cpus"));
	return text ? strdup(text) : NULL;
}

static void read_scheduling(struct guest_capture *g, uint64_t task, struct thread *t)
{
	struct inspector *in = g->from->in;
	const char *class = task_class(in, task);
	uint64_t value;
	bool known = inspect_read(in, LAYOUT_TASK_PRIO, task, &value);
	set_if(t, g->priority, known, (int32_t)value - REAL_TIME_LEVELS);
	known = inspect_read(in, LAYOUT_TASK_STATIC_PRIO, task, &value);
	set_if(t, g->nice, known, (int32_t)value - NICE_0);
	known = inspect_read(in, LAYOUT_TASK_CPU, task, &value);
	set_if(t, g->processor, known, (int64_t)value);
	if (inspect_read(in, LAYOUT_TASK_POLICY, task, &value))
		g->failed |= !proc_set_policy(t, (int64_t)value);
	set_if(t, METRIC_EXT_ENABLED, class != NULL, class && !strcmp(class, "ext"));
	t->state = task_state_letter(in, task);
	t->affinity = allowed_cpus(in, task);
	uint64_t signal = t->tid == t->tgid ? inspect_get(in, LAYOUT_TASK_SIGNAL, task) : 0;
	known = signal && field_present(g->nr_threads) && view_read_field(in->view, signal, g->nr_threads, &value);
	set_if(t, METRIC_NR_THREADS, known, (int32_t)value);
}

static int take_thread(struct view *v, uint64_t task, void *arg)
{
	struct guest_capture *g = arg;
	struct inspector *in = g->from->in;
	char comm[64], path[1024];
	uint64_t start = 0;
	int32_t pid = (int32_t)inspect_get(in, LAYOUT_TASK_PID, task);
	if (pid <= 0) /* the idle tasks are not in /proc either */
		return 0;
	struct thread *t = profile_add(g->s);
	if (!t) {
		g->failed = true;
		return 1;
	}
	t->tid = pid;
	t->tgid = (int32_t)inspect_get(in, LAYOUT_TASK_TGID, task);
	inspect_member_text(in, LAYOUT_TASK_COMM, task, comm, sizeof(comm));
	task_cgroup(in, task, path, sizeof(path));
	t->comm = strdup(comm);
	t->cgroup = *path ? strdup(path) : NULL;
	g->failed |= !t->comm || (*path && !t->cgroup);
	if (field_present(g->start) && view_read_field(v, task, g->start, &start))
		t->start_ticks = start / (uint64_t)USER_TICK_NS;
	read_values(g, task, t);
	read_scheduling(g, task, t);
	return g->failed;
}

/* --- what is not known, and why ----------------------------------------------------------------------------------- */

static const char *reason_of(const struct guest_capture *g, unsigned metric)
{
	const struct metric_row *m = &metric_rows[metric];
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (g->metric[i] != metric)
			continue;
		if (!field_present(g->field[i]))
			return "this kernel does not have it";
		return places[i].place == IN_STATISTICS ? "kernel.sched_schedstats is off in the guest"
		       : places[i].place == IN_DELAYS	? "kernel.task_delayacct is off in the guest"
							: "it could not be read";
	}
	if (m->source == SOURCE_ALLOCATOR)
		return "the counters of allocators are in the memory of programs, which is not read";
	if (!strncmp(m->tags, "[dead]", 6))
		return "no kernel counts it any more";
	return m->source == SOURCE_STAT ? "the kernel computes it when /proc is read"
					: "it is not among what is read from memory";
}

static bool anybody_knows(const struct profile *s, unsigned metric)
{
	for (size_t i = 0; i < s->count; i++)
		if (thread_knows(&s->thread[i], metric) || metric == METRIC_POLICY || metric == METRIC_STATE ||
		    metric == METRIC_AFFINITY)
			return true;
	return false;
}

static json_t *unknown_json(const struct guest_capture *g)
{
	json_t *o = json_object();
	for (unsigned i = 0; metric_rows[i].name; i++)
		if (!anybody_knows(g->s, i))
			json_put_text(&o, metric_rows[i].name, reason_of(g, i));
	json_put_text(&o, "smaps_rollup_kib", "the kernel computes it when /proc is read");
	json_put_text(&o, "cgroup_stats", "they are summed up when they are read");
	json_put_text(&o, "psi", "averages are computed when they are read");
	json_put_text(&o, "sched_ext", "'ktstr dump' shows the state of the scheduler");
	json_put_text(&o, "host", "the memory is a guest's");
	return o;
}

static json_t *source_json(const struct guest_capture *g, enum walk_end end)
{
	static const char *const ends[] = { NULL, "there were more threads than are read",
					    "the list of tasks is damaged", "out of memory" };
	bool moved = g->from->running && end == WALK_TORN;
	json_t *o = json_object();
	json_put_text(&o, "kind", g->from->running ? "memory of a running guest" : "memory of a guest");
	json_put_text(&o, g->from->running ? "machine" : "file", g->from->name);
	json_put_text(&o, "incomplete", moved ? "the list of tasks changed while it was read" : ends[end]);
	json_put(&o, "unknown", unknown_json(g));
	return o;
}

int capture_guest(const struct guest_source *from, struct profile *ret, struct err **err)
{
	struct guest_capture g = { .from = from, .s = ret };
	*ret = (struct profile){ .captured_at_ns = from->captured_at,
				 .uptime_ns = from->in->clock_ns,
				 .ticks_per_second = USER_TICKS };
	find_places(&g);
	enum walk_end end = walk_tasks(from->in->view, THREADS_MAX, take_thread, &g);
	if (g.failed)
		return -ENOMEM;
	if (!ret->count)
		return FAIL(err, ERR_DATA, -EBADMSG, "read the threads in '%s': there are none that can be read",
			    from->name);
	int r = profile_finish(ret);
	ret->source = source_json(&g, end);
	return r < 0 || !ret->source ? -ENOMEM : end != WALK_WHOLE;
}
