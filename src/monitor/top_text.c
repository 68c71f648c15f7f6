/* SPDX-License-Identifier: GPL-2.0-only */
/* top_text.c -- see top.h: one moment as text. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "monitor/top.h"

#define TASK_COLUMNS   24
#define CLASS_COLUMNS  6
#define QUEUE_COLUMNS  20
#define ORIGIN_COLUMNS 16
#define NUMBER_COLUMNS 8
#define TABLE_HEAD     2 /* an empty line and the names of the columns */
#define CPU_SHARE      2 /* the CPUs get at most one of so many lines, if others need theirs */

static long long number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text ? text : "";
}

/* A number, right-aligned; "-": it is not known. */
static void put_number(struct buf *out, const json_t *o, const char *key)
{
	const json_t *value = json_object_get(o, key);
	if (json_is_integer(value))
		buf_appendf(out, " %*" JSON_INTEGER_FORMAT, NUMBER_COLUMNS, json_integer_value(value));
	else
		buf_appendf(out, " %*s", NUMBER_COLUMNS, "-");
}

static void put_task(struct buf *out, const char *comm, long long pid)
{
	char text[64];
	snprintf(text, sizeof(text), "%.40s [%lld]", comm, pid);
	text_append_columns(out, text, TASK_COLUMNS, /* pad= */ true);
}

static void put_head(struct buf *out, const struct term *t, const char *line)
{
	buf_appendf(out, "\n%s%s%s\n", term_style(t, TERM_NAME), line, term_plain(t));
}

static void put_more(struct buf *out, const struct term *t, size_t more, const char *what)
{
	if (more)
		buf_appendf(out, "%s... and %zu more %s%s\n", term_style(t, TERM_DIM), more, what, term_plain(t));
}

/* How many lines of a table of @count are shown if there are @room lines, one of which says that there are more. */
static size_t shown_of(size_t count, size_t room)
{
	return count <= room ? count : room ? room - 1 : 0;
}

/* --- the scheduler ------------------------------------------------------------------------------------------------ */

static long long longest_wait(const json_t *frame)
{
	return number_of(json_array_get(json_object_get(frame, "waiting"), 0), "waits_ms");
}

static void put_summary(struct buf *out, const json_t *frame, const struct term *t)
{
	const json_t *s = json_object_get(frame, "scheduler");
	const char *name = text_of(s, "ops_name"), *state = text_of(s, "enable_state");
	long long waiting = number_of(frame, "waiting_count");
	buf_appendf(out, "%s%s%s", term_style(t, TERM_NAME), *name ? name : "the kernel's own scheduler",
		    term_plain(t));
	if (*name)
		buf_appendf(out, " %s", state);
	buf_appendf(out, "   guest time %.3f s   %lld tasks, %lld wait", (double)number_of(frame, "clock_ns") / 1e9,
		    number_of(frame, "tasks"), waiting);
	if (waiting)
		buf_appendf(out, ", the longest for %lld ms", longest_wait(frame));
	buf_puts(out, "\n");
}

/* --- CPUs --------------------------------------------------------------------------------------------------------- */

/* Context switches in a second of guest time since an earlier moment; -1: unknown. */
static long long switch_rate(const json_t *frame, const json_t *before, size_t cpu)
{
	const json_t *now = json_array_get(json_object_get(frame, "cpus"), cpu),
		     *then = json_array_get(json_object_get(before, "cpus"), cpu);
	long long ns = number_of(frame, "clock_ns") - number_of(before, "clock_ns"),
		  switches = number_of(now, "nr_switches") - number_of(then, "nr_switches");
	if (!then || ns <= 0 || switches < 0)
		return -1;
	return (long long)((double)switches * 1e9 / (double)ns);
}

static void put_cpu(struct buf *out, const json_t *cpu, long long rate)
{
	bool idle = json_is_true(json_object_get(cpu, "idle"));
	buf_appendf(out, "%3lld  ", number_of(cpu, "cpu"));
	if (idle)
		text_append_columns(out, "idle", TASK_COLUMNS, /* pad= */ true);
	else
		put_task(out, text_of(cpu, "curr_comm"), number_of(cpu, "curr_pid"));
	buf_puts(out, " ");
	text_append_columns(out, idle ? "" : text_of(cpu, "curr_class"), CLASS_COLUMNS, /* pad= */ true);
	if (idle)
		buf_appendf(out, " %*s", NUMBER_COLUMNS, "");
	else
		put_number(out, cpu, "curr_runs_ms");
	put_number(out, cpu, "nr_running");
	put_number(out, cpu, "local_dsq_nr");
	if (rate < 0)
		buf_appendf(out, " %*s\n", NUMBER_COLUMNS, "-");
	else
		buf_appendf(out, " %*lld\n", NUMBER_COLUMNS, rate);
}

static void put_cpus(struct buf *out, const json_t *frame, const json_t *before, const struct term *t, size_t room)
{
	const json_t *list = json_object_get(frame, "cpus");
	size_t count = json_array_size(list), shown = shown_of(count, room);
	put_head(out, t, "CPU  RUNS                     CLASS    FOR ms   QUEUED    LOCAL SWITCH/s");
	for (size_t i = 0; i < shown; i++)
		put_cpu(out, json_array_get(list, i), switch_rate(frame, before, i));
	put_more(out, t, count - shown, "CPUs");
}

/* --- dispatch queues ---------------------------------------------------------------------------------------------- */

/* Local queues are in the table of CPUs. An empty queue is shown if the scheduler made it. */
static bool is_shown(const json_t *queue)
{
	const char *origin = text_of(queue, "origin");
	return strncmp(origin, "local", 5) && (number_of(queue, "nr") || !strcmp(origin, "user"));
}

static void put_queue(struct buf *out, const json_t *queue)
{
	text_append_columns(out, text_of(queue, "id"), QUEUE_COLUMNS, /* pad= */ true);
	buf_puts(out, " ");
	text_append_columns(out, text_of(queue, "origin"), ORIGIN_COLUMNS, /* pad= */ true);
	put_number(out, queue, "nr");
	put_number(out, queue, "longest_ms");
	buf_puts(out, "\n");
}

static size_t count_queues(const json_t *frame)
{
	const json_t *queue;
	size_t i, count = 0;
	json_array_foreach(json_object_get(frame, "dispatch_queues"), i, queue)
		count += is_shown(queue);
	return count;
}

static void put_queues(struct buf *out, const json_t *frame, const struct term *t, size_t room)
{
	const json_t *queue;
	size_t i, done = 0, count = count_queues(frame), shown = shown_of(count, room);
	if (!count)
		return;
	put_head(out, t, "DISPATCH QUEUE       ORIGIN              TASKS LONGEST ms");
	json_array_foreach(json_object_get(frame, "dispatch_queues"), i, queue)
		if (is_shown(queue) && done++ < shown)
			put_queue(out, queue);
	put_more(out, t, count - shown, "queues");
}

/* --- waits -------------------------------------------------------------------------------------------------------- */

static void put_waiting(struct buf *out, const json_t *frame, const struct term *t, size_t room)
{
	const json_t *list = json_object_get(frame, "waiting");
	size_t count = (size_t)number_of(frame, "waiting_count");
	size_t shown = MIN_OF(shown_of(count, room), json_array_size(list));
	if (!count)
		return;
	put_head(out, t, "WAITS                    CLASS       CPU       ms");
	for (size_t i = 0; i < shown; i++) {
		const json_t *task = json_array_get(list, i);
		put_task(out, text_of(task, "comm"), number_of(task, "pid"));
		buf_puts(out, " ");
		text_append_columns(out, text_of(task, "class"), CLASS_COLUMNS, /* pad= */ true);
		put_number(out, task, "cpu");
		put_number(out, task, "waits_ms");
		buf_puts(out, "\n");
	}
	put_more(out, t, count - shown, "tasks");
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static size_t minus(size_t a, size_t b)
{
	return a > b ? a - b : 0;
}

void top_render(const json_t *frame, const json_t *before, const struct term *t, unsigned rows, struct buf *out)
{
	size_t cpus = json_array_size(json_object_get(frame, "cpus")), queues = count_queues(frame);
	size_t waiting = (size_t)number_of(frame, "waiting_count");
	size_t heads = 1 + TABLE_HEAD * (1 + (size_t)(queues != 0) + (size_t)(waiting != 0));
	size_t room = rows ? minus(rows, heads) : SIZE_MAX / 4;
	/* The others get what the CPUs do not need, and the CPUs what the others do not need. */
	size_t for_cpus = MIN_OF(cpus, MAX_OF(room / CPU_SHARE, minus(room, queues + waiting)));
	size_t for_queues = MIN_OF(queues, MAX_OF((room - for_cpus) / 2, minus(room - for_cpus, waiting)));
	put_summary(out, frame, t);
	put_cpus(out, frame, before, t, for_cpus);
	put_queues(out, frame, t, for_queues);
	put_waiting(out, frame, t, room - for_cpus - for_queues);
}
