/* SPDX-License-Identifier: GPL-2.0-only */
/* stall.c -- see stall.h. */
#include <string.h>

#include "monitor/stall.h"

void stall_find_fields(struct stall_fields *f, const struct types *types)
{
	f->list = types_field(types, "rq", "scx.runnable_list");
	f->node = types_field(types, "task_struct", "scx.runnable_node");
	f->since = types_field(types, "task_struct", "scx.runnable_at");
	f->pid = types_field(types, "task_struct", "pid");
	f->comm = types_field(types, "task_struct", "comm");
}

struct scan {
	const struct stall_fields *fields;
	struct stall *stall;
	uint64_t jiffies;
	unsigned cpu;
	uint64_t oldest; /* task_struct */
};

/* A task that became runnable after the clock was read is new. */
static uint64_t age_of(uint64_t jiffies, uint64_t since)
{
	return (int64_t)(jiffies - since) > 0 ? jiffies - since : 0;
}

static int visit(struct view *v, uint64_t node, void *arg)
{
	struct scan *s = arg;
	uint64_t task = node - s->fields->node.offset, since;
	if (!view_read_field(v, task, s->fields->since, &since))
		return 0;
	uint64_t age = age_of(s->jiffies, since);
	s->stall->runnable++;
	if (s->stall->task && age <= s->stall->age_jiffies)
		return 0;
	s->stall->task = task;
	s->stall->age_jiffies = age;
	s->stall->cpu = s->cpu;
	return 0;
}

static void read_name(const struct stall_fields *f, struct view *v, struct stall *ret)
{
	uint64_t pid = 0;
	if (!ret->task)
		return;
	view_read_field(v, ret->task, f->pid, &pid);
	ret->pid = (int32_t)pid;
	if (field_present(f->comm))
		view_read(v, ret->task + f->comm.offset, ret->comm, MIN_OF((size_t)f->comm.size, sizeof(ret->comm)));
}

static void read_watchdog(struct view *v, uint64_t jiffies, struct stall *ret)
{
	uint64_t at = view_symbol(v, "scx_watchdog_timestamp"), last;
	ret->has_watchdog = at && view_read_u64(v, at, sizeof(last), &last);
	ret->watchdog_age_jiffies = ret->has_watchdog ? age_of(jiffies, last) : 0;
}

/* WALK_TORN says the most, WALK_WHOLE the least. */
static enum walk_end worse(enum walk_end a, enum walk_end b)
{
	return MAX_OF(a, b);
}

void stall_scan(const struct stall_fields *f, struct view *v, unsigned cap, struct stall *ret)
{
	struct scan s = { .fields = f, .stall = ret };
	uint64_t jiffies = view_symbol(v, "jiffies_64"), first;
	*ret = (struct stall){ .end = WALK_WHOLE };
	if (!field_present(f->list) || !field_present(f->node) || !field_present(f->since) || !jiffies ||
	    !view_per_cpu_template(v, "runqueues", &first) || !view_read_u64(v, jiffies, sizeof(jiffies), &s.jiffies))
		return;
	ret->supported = true;
	for (s.cpu = 0; s.cpu < v->cpus; s.cpu++) {
		uint64_t rq = view_per_cpu_pointer(v, first, s.cpu), list;
		/* Before the kernel initializes it, a list head is zero. */
		if (!rq || !view_read_u64(v, rq + f->list.offset, sizeof(list), &list) || !list)
			continue;
		unsigned left = cap - MIN_OF(ret->runnable, cap);
		ret->end = worse(ret->end, walk_list(v, rq + f->list.offset, left, visit, &s));
	}
	read_name(f, v, ret);
	read_watchdog(v, s.jiffies, ret);
}
