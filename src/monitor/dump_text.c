/* SPDX-License-Identifier: GPL-2.0-only */
/* dump_text.c -- a dump as text: what a developer of schedulers looks at first stands first. */
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "monitor/dump.h"
#include "monitor/dump_maps.h"
#include "monitor/dump_samples.h"
#include "monitor/repro.h"

#define QUEUE_TASKS_SHOWN 16
#define WAITING_NAMED	  3
#define BLOCKED_NAMED	  2

/* --- members ------------------------------------------------------------------------------------------------------ */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool has(const json_t *object, const char *key)
{
	return json_object_get(object, key) != NULL;
}

static void put(struct buf *out, const char *text)
{
	text_append_line(out, text, strlen(text));
}

/* "comm[pid]" of the members @comm and @pid. */
static void put_task(struct buf *out, const json_t *object, const char *comm, const char *pid)
{
	put(out, has(object, comm) ? text_of(object, comm) : "?");
	buf_appendf(out, "[%lld]", number_of(object, pid));
}

static void put_why(struct buf *out, const json_t *dump, const char *key, const char *what)
{
	if (!has(dump, key))
		return;
	buf_appendf(out, "%s: ", what);
	put(out, text_of(dump, key));
	buf_puts(out, "\n");
}

/* " label value", if the member is there. */
static void put_member(struct buf *out, const json_t *object, const char *key, const char *label)
{
	const json_t *value = json_object_get(object, key);
	if (!value || (json_is_string(value) && !*json_string_value(value)))
		return;
	buf_appendf(out, "  %s ", label);
	if (json_is_string(value))
		put(out, json_string_value(value));
	else if (json_is_integer(value))
		buf_appendf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_real(value))
		buf_appendf(out, "%.0f", json_real_value(value));
	else
		buf_puts(out, json_is_true(value) ? "yes" : "no");
}

static void put_stack(struct buf *out, const json_t *task, unsigned indent)
{
	size_t i;
	const json_t *frame;
	json_array_foreach(json_object_get(task, "stack"), i, frame) {
		buf_appendf(out, "%*s", (int)indent, "");
		put(out, json_string_value(frame) ? json_string_value(frame) : "?");
		buf_puts(out, "\n");
	}
	for (size_t k = 0; k < 2; k++) {
		const char *key = k ? "stack_end" : "stack_unavailable";
		if (has(task, key)) {
			buf_appendf(out, "%*s(%s", (int)indent, "", k ? "" : "no stack: ");
			put(out, text_of(task, key));
			buf_puts(out, ")\n");
		}
	}
}

/* --- header ------------------------------------------------------------------------------------------------------- */

static void scheduler_lines(const json_t *dump, struct buf *out)
{
	const json_t *state = json_object_get(dump, "scx_sched_state");
	buf_puts(out, "scheduler: ");
	if (!state) {
		put(out, text_of(dump, "scx_sched_state_unavailable"));
	} else {
		put(out, *text_of(state, "ops_name") ? text_of(state, "ops_name") : "none of sched_ext");
		put_member(out, state, "enable_state", "state");
		put_member(out, state, "ops_flags", "flags");
		if (number_of(state, "bypass_depth"))
			put_member(out, state, "bypass_depth", "bypass depth");
		if (number_of(state, "nr_rejected"))
			put_member(out, state, "nr_rejected", "rejected tasks");
		if (has(state, "watchdog_timeout_ms"))
			buf_appendf(out, "  watchdog %lld ms, it looked %lld ms ago",
				    number_of(state, "watchdog_timeout_ms"), number_of(state, "watchdog_ran_ms_ago"));
	}
	buf_puts(out, "\n");
}

static void exit_lines(const json_t *dump, struct buf *out)
{
	const json_t *ended = json_object_get(dump, "scx_exit"), *frame;
	size_t i;
	if (!ended)
		return;
	buf_appendf(out, "it ended: %lld (", number_of(ended, "kind_number"));
	put(out, text_of(ended, "kind"));
	buf_puts(out, ")");
	put_member(out, ended, "reason", "reason");
	put_member(out, ended, "exit_code", "exit code");
	buf_puts(out, "\n");
	if (has(ended, "msg")) {
		buf_puts(out, "  ");
		put(out, text_of(ended, "msg"));
		buf_puts(out, "\n");
	}
	json_array_foreach(json_object_get(ended, "backtrace"), i, frame) {
		buf_puts(out, "    ");
		put(out, json_string_value(frame) ? json_string_value(frame) : "?");
		buf_puts(out, "\n");
	}
}

/* A task of sched_ext that no queue lists. */
static void no_queue_line(const json_t *scx, struct buf *out)
{
	if (has(scx, "holding_cpu") && number_of(scx, "holding_cpu") >= 0)
		buf_appendf(out, "  cpu %lld is moving it to its own queue\n", number_of(scx, "holding_cpu"));
	else if (!has(scx, "ops_state") || strcmp(text_of(scx, "ops_state"), "QUEUED") == 0)
		buf_puts(out, "  it is in no dispatch queue: the BPF scheduler holds it\n");
	else
		buf_puts(out, "  it is in no dispatch queue, and the BPF scheduler does not hold it\n");
}

/* Where the longest waiting task is: its place in the queue that holds it. */
static void place_line(const json_t *dump, const json_t *task, struct buf *out)
{
	size_t i, k;
	const json_t *queue, *entry;
	json_array_foreach(json_object_get(dump, "dsq_states"), i, queue) {
		json_array_foreach(json_object_get(queue, "tasks"), k, entry) {
			if (strcmp(text_of(entry, "kva"), text_of(task, "kva")) != 0)
				continue;
			buf_puts(out, "  it is in the ");
			put(out, text_of(queue, "origin"));
			buf_puts(out, " dispatch queue ");
			put(out, text_of(queue, "id"));
			buf_appendf(out, ", place %zu of %lld\n", k + 1, number_of(queue, "nr"));
			return;
		}
	}
	if (strcmp(text_of(task, "sched_class"), "ext") == 0)
		no_queue_line(json_object_get(task, "scx"), out);
	else
		buf_appendf(out, "  it is in the run queue of cpu %lld\n", number_of(task, "cpu"));
}

static void idle_line(const json_t *dump, struct buf *out)
{
	size_t i;
	const json_t *cpu;
	struct cpuset_bits idle = { 0 };
	char list[CPUSET_TEXT_MAX];
	json_array_foreach(json_object_get(dump, "rq_scx_states"), i, cpu) {
		long long number = number_of(cpu, "cpu");
		if (json_is_true(json_object_get(cpu, "idle")) && number >= 0 && number < CPUSET_CPUS_MAX)
			cpuset_add(&idle, (unsigned)number);
	}
	if (cpuset_count(&idle))
		buf_appendf(out, "  idle CPUs meanwhile: %s\n", cpuset_format(&idle, list, sizeof(list)));
}

static void waiting_line(const json_t *task, struct buf *out)
{
	put_task(out, task, "comm", "pid");
	buf_puts(out, " is ready to run");
	if (has(task, "waits_ms"))
		buf_appendf(out, " for %lld ms", number_of(task, "waits_ms"));
	buf_puts(out, ", class ");
	put(out, has(task, "sched_class") ? text_of(task, "sched_class") : "unknown");
	buf_puts(out, ", may run on cpus ");
	put(out, has(task, "cpus_allowed") ? text_of(task, "cpus_allowed") : "unknown");
	if (number_of(task, "migration_disabled"))
		buf_puts(out, " (migration is disabled)");
	put_member(out, task, "cgroup", "cgroup");
	buf_puts(out, "\n");
}

static void others_line(const json_t *dump, struct buf *out)
{
	const json_t *tasks = json_object_get(dump, "task_enrichments");
	long long waiting = number_of(dump, "tasks_waiting");
	for (size_t i = 1; i < WAITING_NAMED && (long long)i < waiting && i < json_array_size(tasks); i++) {
		buf_puts(out, i == 1 ? "next: " : ", ");
		put_task(out, json_array_get(tasks, i), "comm", "pid");
		buf_appendf(out, " %lld ms", number_of(json_array_get(tasks, i), "waits_ms"));
	}
	if (waiting > 1)
		buf_appendf(out, "; %lld tasks wait in all\n", waiting);
}

static void culprit_lines(const json_t *dump, struct buf *out)
{
	const json_t *first = json_array_get(json_object_get(dump, "task_enrichments"), 0);
	if (!json_is_true(json_object_get(first, "waiting"))) {
		if (!has(dump, "task_enrichments_unavailable"))
			buf_puts(out, "no task waits for a CPU\n");
		put_why(out, dump, "task_enrichments_unavailable", "tasks");
		return;
	}
	buf_puts(out, "longest wait: ");
	waiting_line(first, out);
	place_line(dump, first, out);
	idle_line(dump, out);
	put_stack(out, first, 4);
	if (has(first, "lock_slowpath_match"))
		buf_puts(out, "  it waits for a lock of the kernel\n");
	others_line(dump, out);
}

/* Kernel threads often sleep so for a moment. */
static bool is_blocked_program(const json_t *task)
{
	return json_is_true(json_object_get(task, "blocked")) &&
	       strcmp(text_of(task, "real_parent_comm"), "kthreadd") != 0;
}

/* The first blocked tasks of programs, and where in the kernel they are. */
static void blocked_lines(const json_t *dump, struct buf *out)
{
	size_t i;
	const json_t *task;
	unsigned named = 0;
	json_array_foreach(json_object_get(dump, "task_enrichments"), i, task) {
		if (named == BLOCKED_NAMED || !is_blocked_program(task))
			continue;
		named++;
		buf_puts(out, "blocked in the kernel: ");
		put_task(out, task, "comm", "pid");
		put_member(out, task, "cgroup", "cgroup");
		buf_puts(out, "\n");
		put_stack(out, task, 4);
	}
}

static void kernel_line(const json_t *dump, struct buf *out)
{
	const json_t *kernel = json_object_get(dump, "kernel");
	if (kernel) {
		buf_puts(out, "kernel: ");
		put(out, text_of(kernel, "release"));
		buf_appendf(out, ", %lld CPUs, its clock is at %.3f s", number_of(kernel, "cpus"),
			    (double)number_of(kernel, "clock_ns") / 1e9);
		if (number_of(dump, "bad_reads"))
			buf_appendf(out, "; %lld addresses were not readable", number_of(dump, "bad_reads"));
		buf_puts(out, "\n");
	}
	put_why(out, dump, "tasks_incomplete", "tasks");
	if (has(dump, "dump_truncated_at_us"))
		buf_puts(out, "the time for the dump was over before it was complete\n");
}

static void header(const json_t *dump, struct buf *out)
{
	buf_puts(out, "taken because: ");
	put(out, text_of(dump, "reason"));
	buf_puts(out, "\n");
	scheduler_lines(dump, out);
	exit_lines(dump, out);
	culprit_lines(dump, out);
	blocked_lines(dump, out);
	kernel_line(dump, out);
}

/* --- CPUs --------------------------------------------------------------------------------------------------------- */

static void cpu_lines(const json_t *cpu, struct buf *out)
{
	static const char *const masks[] = { "cpus_to_kick", "cpus_to_kick_if_idle", "cpus_to_preempt",
					     "cpus_to_wait" };
	buf_appendf(out, "cpu %-3lld ", number_of(cpu, "cpu"));
	if (json_is_true(json_object_get(cpu, "idle")))
		buf_puts(out, "idle");
	else
		put_task(out, cpu, "curr_comm", "curr_pid");
	put_member(out, cpu, "curr_class", "class");
	put_member(out, cpu, "curr_runs_ms", "for ms");
	put_member(out, cpu, "nr_running", "nr_running");
	put_member(out, cpu, "scx_nr_running", "of scx");
	put_member(out, cpu, "local_dsq_nr", "local queue");
	put_member(out, cpu, "flags", "flags");
	put_member(out, cpu, "cpu_released", "released");
	put_member(out, cpu, "ops_qseq", "ops_qseq");
	put_member(out, cpu, "pnt_seq", "pnt_seq");
	put_member(out, cpu, "kick_sync", "kick_sync");
	put_member(out, cpu, "clock_lag_ms", "clock lags ms");
	for (size_t i = 0; i < ARRAY_SIZE(masks); i++)
		put_member(out, cpu, masks[i], masks[i]);
	buf_puts(out, "\n");
}

static void cpus(const json_t *dump, const struct dump_view *view, struct buf *out)
{
	size_t i;
	const json_t *cpu;
	buf_puts(out, "\n--- CPUs ---\n");
	put_why(out, dump, "rq_scx_states_unavailable", "not available");
	json_array_foreach(json_object_get(dump, "rq_scx_states"), i, cpu)
		if (view->cpu < 0 || number_of(cpu, "cpu") == view->cpu)
			cpu_lines(cpu, out);
}

/* --- queues ------------------------------------------------------------------------------------------------------- */

static void queue_lines(const json_t *queue, struct buf *out)
{
	const json_t *tasks = json_object_get(queue, "tasks"), *task;
	size_t i;
	put(out, text_of(queue, "id"));
	buf_puts(out, " (");
	put(out, text_of(queue, "origin"));
	buf_appendf(out, "): %lld tasks, seq %lld\n", number_of(queue, "nr"), number_of(queue, "seq"));
	json_array_foreach((json_t *)tasks, i, task) {
		if (i == QUEUE_TASKS_SHOWN)
			break;
		buf_puts(out, "    ");
		put_task(out, task, "comm", "pid");
		put_member(out, task, "waits_ms", "waits ms");
		put_member(out, task, "dsq_vtime", "vtime");
		buf_puts(out, "\n");
	}
	if (json_array_size(tasks) > QUEUE_TASKS_SHOWN)
		buf_appendf(out, "    and %zu more\n", json_array_size(tasks) - QUEUE_TASKS_SHOWN);
	put_why(out, queue, "tasks_truncated", "    the list is not complete");
}

static void dsqs(const json_t *dump, struct buf *out)
{
	size_t i, empty = 0;
	const json_t *queue;
	buf_puts(out, "\n--- dispatch queues ---\n");
	put_why(out, dump, "scx_walker_unavailable", "not available");
	json_array_foreach(json_object_get(dump, "dsq_states"), i, queue) {
		if (number_of(queue, "nr") || has(queue, "tasks") || has(queue, "tasks_truncated"))
			queue_lines(queue, out);
		else
			empty++;
	}
	if (empty)
		buf_appendf(out, "%zu queue%s %s empty\n", empty, plural(empty), empty == 1 ? "is" : "are");
}

/* --- tasks -------------------------------------------------------------------------------------------------------- */

static void scx_line(const json_t *scx, struct buf *out)
{
	static const struct {
		const char *key, *label;
	} members[] = {
		{ "state", "scx" },	      { "flags", "flags" },	     { "dsq_id", "dsq" },
		{ "dsq_vtime", "vtime" },     { "slice_ns", "slice ns" },    { "weight", "weight" },
		{ "ops_state", "ops" },	      { "ops_qseq", "qseq" },	     { "sticky_cpu", "sticky" },
		{ "holding_cpu", "holding" }, { "ddsp_dsq_id", "ddsp dsq" }, { "ddsp_enq_flags", "ddsp flags" }
	};
	buf_puts(out, "   ");
	for (size_t i = 0; i < ARRAY_SIZE(members); i++)
		put_member(out, scx, members[i].key, members[i].label);
	if (!has(scx, "dsq_id"))
		buf_puts(out, "  in no dsq");
	buf_puts(out, "\n");
}

static void task_lines(const json_t *task, struct buf *out)
{
	buf_appendf(out, "%c %s ", json_is_true(json_object_get(task, "on_cpu")) ? '*' : ' ', text_of(task, "state"));
	put_task(out, task, "comm", "pid");
	put_member(out, task, "waits_ms", "waits ms");
	put_member(out, task, "sched_class", "class");
	put_member(out, task, "cpu", "cpu");
	put_member(out, task, "cpus_allowed", "cpus");
	put_member(out, task, "prio", "prio");
	if (number_of(task, "migration_disabled"))
		put_member(out, task, "migration_disabled", "no_mig");
	put_member(out, task, "cgroup", "cgroup");
	put_member(out, task, "pi_boosted_out_of_scx", "boosted out of scx");
	put_member(out, task, "lock_slowpath_match", "waits for a lock in");
	buf_puts(out, "\n");
	if (has(task, "scx"))
		scx_line(json_object_get(task, "scx"), out);
	put_stack(out, task, 6);
}

static void tasks(const json_t *dump, const struct dump_view *view, struct buf *out)
{
	size_t i;
	const json_t *task;
	buf_puts(out, "\n--- tasks ---\n");
	put_why(out, dump, "task_enrichments_unavailable", "not available");
	json_array_foreach(json_object_get(dump, "task_enrichments"), i, task)
		if (view->cpu < 0 || number_of(task, "cpu") == view->cpu)
			task_lines(task, out);
	if (has(dump, "tasks_truncated"))
		buf_appendf(out, "and %lld more\n", number_of(dump, "tasks_truncated"));
}

/* --- programs ----------------------------------------------------------------------------------------------------- */

static void programs(const json_t *dump, struct buf *out)
{
	size_t i;
	const json_t *program;
	buf_puts(out, "\n--- BPF programs ---\n");
	put_why(out, dump, "prog_runtime_stats_unavailable", "not available");
	json_array_foreach(json_object_get(dump, "prog_runtime_stats"), i, program) {
		put(out, text_of(program, "name"));
		put_member(out, program, "type", "type");
		put_member(out, program, "verified_insns", "verified");
		put_member(out, program, "cnt", "calls");
		put_member(out, program, "ns_per_call", "ns each");
		if (number_of(program, "misses"))
			put_member(out, program, "misses", "misses");
		buf_puts(out, "\n");
	}
}

void dump_text(const json_t *dump, const struct dump_view *view, struct buf *out)
{
	const json_t *chain = json_object_get(dump, "auto_repro");
	if (view->parts & DUMP_HEADER)
		header(dump, out);
	else if (view->parts & DUMP_BLOCKED)
		blocked_lines(dump, out);
	if (view->parts & DUMP_HEADER && chain) {
		buf_puts(out, "\n--- auto-repro ---\n");
		repro_text(chain, out);
	}
	if (view->parts & DUMP_CPUS) {
		cpus(dump, view, out);
		dump_pressure_text(json_object_get(dump, "sample"), out);
		dump_timeline_text(json_object_get(dump, "event_counter_timeline"), out);
	}
	if (view->parts & DUMP_DSQS)
		dsqs(dump, out);
	if (view->parts & DUMP_TASKS)
		tasks(dump, view, out);
	if (view->parts & DUMP_MAPS) {
		buf_puts(out, "\n--- BPF maps ---\n");
		put_why(out, dump, "maps_unavailable", "not available");
		dump_maps_text(json_object_get(dump, "maps"), view->map, out);
	}
	if (view->parts & DUMP_PROGRAMS)
		programs(dump, out);
}
