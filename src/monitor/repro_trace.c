/* SPDX-License-Identifier: GPL-2.0-only */
/* repro_trace.c -- the calls that were recorded: see repro.h. */
#include <string.h>

#include "monitor/repro.h"

#define TASKS_MAX 16384u

int repro_trace_init(struct repro_trace *t)
{
	*t = (struct repro_trace){ .until_ns = UINT64_MAX,
				   .event = calloc(REPRO_EVENTS_MAX, sizeof(struct repro_event)) };
	return t->event ? 0 : -ENOMEM;
}

void repro_trace_done(struct repro_trace *t)
{
	free(t->event);
	free(t->task);
	*t = (struct repro_trace){ 0 };
}

void repro_trace_add(struct repro_trace *t, const struct repro_plan *p, unsigned function,
		     const struct observe_record *r)
{
	if (function >= p->functions || r->guest_ns > t->until_ns)
		return;
	struct repro_event *e = &t->event[t->count % REPRO_EVENTS_MAX];
	*e = (struct repro_event){ .guest_ns = r->guest_ns,
				   .order = t->count++,
				   .vcpu = r->vcpu,
				   .function = (uint16_t)function,
				   .missed = (uint16_t)(r->missed >> 1),
				   .current = r->missed & 1 ? 0 : r->value[0] };
	_Static_assert(sizeof(e->argument) == sizeof(r->argument) &&
			       sizeof(e->field) == sizeof(r->value[0]) * (OBSERVE_READS - 1),
		       "a call has what its record has");
	memcpy(e->argument, r->argument, sizeof(e->argument));
	memcpy(e->field, r->value + 1, sizeof(e->field));
}

/* --- names of tasks ----------------------------------------------------------------------------------------------- */

struct names {
	struct inspector *in;
	struct repro_trace *trace;
};

static int add_task(struct view *v, uint64_t task, void *arg)
{
	struct names *n = arg;
	(void)v;
	if (!task || n->trace->tasks == TASKS_MAX)
		return n->trace->tasks == TASKS_MAX;
	struct repro_task *to = &n->trace->task[n->trace->tasks++];
	to->task = task;
	to->pid = (int64_t)inspect_get(n->in, LAYOUT_TASK_PID, task);
	inspect_member_text(n->in, LAYOUT_TASK_COMM, task, to->comm, sizeof(to->comm));
	return 0;
}

int repro_trace_see_tasks(struct repro_trace *t, const struct inspect_config *config)
{
	struct inspector in;
	struct names names = { &in, t };
	free(t->task);
	t->tasks = 0;
	t->task = calloc(TASKS_MAX, sizeof(*t->task));
	if (!t->task || inspect_begin(&in, config) < 0)
		return -ENOMEM;
	walk_tasks(in.view, TASKS_MAX, add_task, &names);
	for (unsigned cpu = 0; cpu < in.view->cpus; cpu++)
		add_task(in.view, inspect_get(&in, LAYOUT_RQ_IDLE, view_per_cpu(in.view, "runqueues", cpu)), &names);
	inspect_end(&in);
	return 0;
}
