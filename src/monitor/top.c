/* SPDX-License-Identifier: GPL-2.0-only */
/* top.c -- see top.h. */
#include "monitor/top.h"

#include <string.h>

#include "monitor/queues.h"
#include "monitor/tasks.h"

static json_t *waiting_task(struct inspector *in, const struct task_brief *b)
{
	json_t *o = json_object();
	char comm[64];
	const char *class = task_class(in, b->task);
	inspect_member_text(in, LAYOUT_TASK_COMM, b->task, comm, sizeof(comm));
	json_put_int(&o, "pid", b->pid);
	json_put_text(&o, "comm", comm);
	json_put_text(&o, "class", class ? class : "");
	inspect_put(in, &o, "cpu", LAYOUT_TASK_CPU, b->task);
	json_put(&o, "waits_ms", b->waits_ms < 0 ? json_null() : json_integer(b->waits_ms));
	return o;
}

/* Those that wait stand first in the list, the longest waiting first. */
static void put_waiting(struct inspector *in, json_t **frame)
{
	struct task_list list = { 0 };
	json_t *waiting = json_array();
	if (task_list_take(in, /* all= */ false, &list) < 0)
		waiting = (json_decref(waiting), NULL);
	for (unsigned i = 0; i < MIN_OF(list.count, (unsigned)TOP_WAITING_MAX) && list.brief[i].waiting; i++)
		json_add(&waiting, waiting_task(in, &list.brief[i]));
	json_put(frame, "waiting", waiting);
	json_put_u64(frame, "waiting_count", list.waiting);
	json_put_u64(frame, "tasks", list.seen);
	task_list_done(&list);
}

/* The longest wait among the tasks of a queue, which are not needed one by one. */
static json_t *short_queue(const json_t *queue)
{
	static const char *const keys[] = { "id", "origin", "nr", "seq", "tasks_truncated" };
	const json_t *task, *waits;
	json_int_t longest = -1;
	json_t *o = json_object();
	size_t i;
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (json_object_get(queue, keys[i]))
			json_put(&o, keys[i], json_copy(json_object_get(queue, keys[i])));
	json_array_foreach(json_object_get(queue, "tasks"), i, task) {
		waits = json_object_get(task, "waits_ms");
		longest = MAX_OF(longest, json_is_integer(waits) ? json_integer_value(waits) : -1);
	}
	json_put(&o, "longest_ms", longest < 0 ? json_null() : json_integer(longest));
	return o;
}

static json_t *dispatch_queues(struct inspector *in)
{
	const char *why = NULL;
	json_auto_t *whole = queues_dispatch(in, &why);
	json_t *list = json_array(), *queue;
	size_t i;
	json_array_foreach(whole, i, queue)
		json_add(&list, short_queue(queue));
	return list;
}

static json_t *cpus(struct inspector *in)
{
	json_t *list = queues_cpus(in), *cpu;
	size_t i;
	json_array_foreach(list, i, cpu)
		json_object_del(cpu, "runnable_tasks");
	return list;
}

json_t *top_take(struct inspector *in)
{
	const char *why = NULL;
	json_t *frame = json_object(), *scheduler = queues_scheduler(in, &why);
	json_put_text(&frame, "schema", TOP_SCHEMA);
	json_put_u64(&frame, "clock_ns", in->clock_ns);
	json_put(&frame, "scheduler", scheduler ? scheduler : json_null());
	json_put(&frame, "cpus", cpus(in));
	json_put(&frame, "dispatch_queues", dispatch_queues(in));
	put_waiting(in, &frame);
	json_put_u64(&frame, "bad_reads", in->view->bad_reads);
	return frame;
}
