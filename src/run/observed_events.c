/* SPDX-License-Identifier: GPL-2.0-only */
/* observed_events.c -- see observed_events.h. */
#include "run/observed_events.h"

#include <string.h>

/* Linux (kernel/sched/sched.h, include/linux/sched.h): the same in 6.1, 6.12 and 7.x, but in no type. */
#define FLAG_SLEEP     0x01
#define FLAG_CHANGE    0x02 /* DEQUEUE_SAVE, ENQUEUE_RESTORE */
#define ON_RQ_MIGRATES 2
#define TASK_DEAD      0x80

/* --- what is read ------------------------------------------------------------------------------------------------- */

enum value {
	NOTHING,
	CLOCK,
	CPU,
	PID,
	ON_QUEUE,
	ALLOWED,
	GROUP,
	GROUP_OF_SET,
	STATE,
	CPU_OF_TASK,
	TASK_CLOCK,
	CHARGED,
	VALUE_COUNT
};

#define NO_MEMBER ""

static const struct {
	struct {
		const char *structure, *member;
	} hop[OBSERVE_HOPS];
} values[VALUE_COUNT] = {
	[CLOCK] = { { { "rq", "clock" } } },
	[CPU] = { { { "rq", "cpu" } } },
	[PID] = { { { "task_struct", "pid" } } },
	[ON_QUEUE] = { { { "task_struct", "on_rq" } } },
	[ALLOWED] = { { { "task_struct", "cpus_ptr" }, { "cpumask", NO_MEMBER } } },
	[GROUP] = { { { "task_struct", "cgroups" },
		      { "css_set", "dfl_cgrp" },
		      { "cgroup", "kn" },
		      { "kernfs_node", "id" } } },
	[GROUP_OF_SET] = { { { "css_set", "dfl_cgrp" }, { "cgroup", "kn" }, { "kernfs_node", "id" } } },
	[STATE] = { { { "task_struct", "__state" } } },
	[TASK_CLOCK] = { { { "rq", "clock_task" } } },
	[CHARGED] = { { { "task_struct", "se.exec_start" } } },
	[CPU_OF_TASK] = { { { "task_struct", "thread_info.cpu" } } },
};

/* --- where -------------------------------------------------------------------------------------------------------- */

#define ARGUMENT(n) (OBSERVE_ARGUMENT + (n))
#define QUEUE	    OBSERVE_PER_CPU /* of the CPU that executes */

struct hook_row {
	const char *symbols[2]; /* the first that a kernel has */
	bool may_lack;		/* a kernel without this class */
	enum schedule_kind kind;
	enum schedule_class task_class;
	struct {
		enum value value;
		unsigned base;
	} read[OBSERVE_READS];
};

/* Functions of classes are called with the queue's clock up to date, whoever the caller is. */
#define ENQUEUE_READS                                                                                          \
	{                                                                                                      \
		{ CLOCK, ARGUMENT(0) }, { CPU, ARGUMENT(0) }, { PID, ARGUMENT(1) }, { ON_QUEUE, ARGUMENT(1) }, \
			{ ALLOWED, ARGUMENT(1) },                                                              \
		{                                                                                              \
			GROUP, ARGUMENT(1)                                                                     \
		}                                                                                              \
	}
#define DEQUEUE_READS                                         \
	{                                                     \
		{ CLOCK, ARGUMENT(0) }, { CPU, ARGUMENT(0) }, \
		{                                             \
			PID, ARGUMENT(1)                      \
		}                                             \
	}

static const struct hook_row rows[] = {
	/* __switch_to(prev, next) */
	{ { "__switch_to" },
	  false,
	  SCHEDULE_SWITCH,
	  SCHEDULE_CLASS_UNKNOWN,
	  { { CLOCK, QUEUE },
	    { CPU, QUEUE },
	    { PID, ARGUMENT(0) },
	    { PID, ARGUMENT(1) },
	    { STATE, ARGUMENT(0) },
	    { ALLOWED, ARGUMENT(0) },
	    { TASK_CLOCK, QUEUE },
	    { CHARGED, ARGUMENT(0) } } },
	/* try_to_wake_up(task, states, flags) */
	{ { "try_to_wake_up" },
	  false,
	  SCHEDULE_WAKE,
	  0,
	  { { CPU, QUEUE }, { PID, ARGUMENT(0) }, { STATE, ARGUMENT(0) } } },
	/* set_task_cpu(task, cpu) */
	{ { "set_task_cpu" }, false, SCHEDULE_MIGRATE, 0, { { PID, ARGUMENT(0) }, { CPU_OF_TASK, ARGUMENT(0) } } },
	/* css_set_move_task(task, from, to, ...) */
	{ { "css_set_move_task" },
	  false,
	  SCHEDULE_GROUP,
	  0,
	  { { CPU, QUEUE }, { PID, ARGUMENT(0) }, { GROUP_OF_SET, ARGUMENT(2) } } },
	{ { "sched_tick", "scheduler_tick" }, false, SCHEDULE_TICK, 0, { { CPU, QUEUE } } },
	/* (queue, task, flags) */
	{ { "enqueue_task_stop" }, false, SCHEDULE_ENQUEUE, SCHEDULE_CLASS_STOP, ENQUEUE_READS },
	{ { "enqueue_task_dl" }, false, SCHEDULE_ENQUEUE, SCHEDULE_CLASS_DEADLINE, ENQUEUE_READS },
	{ { "enqueue_task_rt" }, false, SCHEDULE_ENQUEUE, SCHEDULE_CLASS_REALTIME, ENQUEUE_READS },
	{ { "enqueue_task_fair" }, false, SCHEDULE_ENQUEUE, SCHEDULE_CLASS_FAIR, ENQUEUE_READS },
	{ { "enqueue_task_scx" }, true, SCHEDULE_ENQUEUE, SCHEDULE_CLASS_EXT, ENQUEUE_READS },
	{ { "dequeue_task_stop" }, false, SCHEDULE_DEQUEUE, SCHEDULE_CLASS_STOP, DEQUEUE_READS },
	{ { "dequeue_task_dl" }, false, SCHEDULE_DEQUEUE, SCHEDULE_CLASS_DEADLINE, DEQUEUE_READS },
	{ { "dequeue_task_rt" }, false, SCHEDULE_DEQUEUE, SCHEDULE_CLASS_REALTIME, DEQUEUE_READS },
	{ { "dequeue_task_fair" }, false, SCHEDULE_DEQUEUE, SCHEDULE_CLASS_FAIR, DEQUEUE_READS },
	{ { "dequeue_task_scx" }, true, SCHEDULE_DEQUEUE, SCHEDULE_CLASS_EXT, DEQUEUE_READS },
};
_Static_assert(ARRAY_SIZE(rows) <= OBSERVED_EVENTS_MAX, "room for all rows");

/* Returns NULL, or the member that this kernel does not have. */
static const char *find_read(struct observe_read *out, const struct kernel_image *image, enum value value,
			     unsigned base)
{
	uint64_t queues = 0;
	if (base == QUEUE && !symbols_look_up(image->symbols, "runqueues", &queues))
		return "runqueues";
	*out = (struct observe_read){ .base = (uint8_t)base, .size = sizeof(uint64_t) };
	for (; out->hops < OBSERVE_HOPS && values[value].hop[out->hops].structure; out->hops++) {
		const char *member = values[value].hop[out->hops].member;
		struct field f = *member ? types_field(image->types, values[value].hop[out->hops].structure, member)
					 : (struct field){ .size = sizeof(uint64_t), .type = 1 };
		if (!field_present(f))
			return member;
		out->offset[out->hops] = f.offset;
		out->size = (uint8_t)f.size;
	}
	out->offset[0] += queues;
	return NULL;
}

static const char *find_hook(struct observe_hook *out, const struct kernel_image *image, const struct hook_row *row)
{
	const char *lack = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(row->symbols) && row->symbols[i] && !out->address; i++)
		out->address = symbols_find(image->symbols, row->symbols[i]);
	for (unsigned i = 0; out->address && !lack && i < OBSERVE_READS && row->read[i].value; i++)
		lack = find_read(&out->read[i], image, row->read[i].value, row->read[i].base);
	return out->address ? lack : row->symbols[0];
}

const char *observed_events_find(struct observed_events *o, const struct kernel_image *image, unsigned cpus)
{
	*o = (struct observed_events){ .cpus = cpus };
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct observe_hook hook = { .id = OBSERVED_EVENTS_FIRST + o->hooks, .kind = OBSERVE_RECORD };
		const char *lack = find_hook(&hook, image, &rows[i]);
		if (lack && !(rows[i].may_lack && !hook.address))
			return lack;
		if (lack)
			continue;
		o->row[o->hooks] = (uint8_t)i;
		o->hook[o->hooks++] = hook;
	}
	return NULL;
}

/* --- what it means ------------------------------------------------------------------------------------------------ */

/* The CPUs of a larger machine do not fit into what is read. */
static void set_allowed(const struct observed_events *o, struct schedule_event *e, uint64_t cpus)
{
	e->allowed_words = o->cpus <= 64 && cpus;
	e->allowed[0] = cpus;
}

static bool read_switch(const struct observed_events *o, const struct observe_record *r, struct schedule_event *e)
{
	e->clock_ns = r->value[0];
	e->cpu = (uint32_t)r->value[1];
	e->pid = (int32_t)r->value[2];
	e->next_pid = (int32_t)r->value[3];
	/* The idle tasks are those without a number. */
	e->task = e->pid ? r->argument[0] : 0;
	e->next = e->next_pid ? r->argument[1] : 0;
	e->leaving = r->value[4] == 0 ? SCHEDULE_RUNS : r->value[4] & TASK_DEAD ? SCHEDULE_DEAD : SCHEDULE_SLEEPS;
	set_allowed(o, e, r->value[5]);
	e->task_clock_ns = r->value[6];
	e->charged_ns = r->value[7];
	return true;
}

static bool read_wake(const struct observed_events *o, const struct observe_record *r, struct schedule_event *e)
{
	(void)o;
	e->cpu = (uint32_t)r->value[0];
	e->task = r->argument[0];
	e->pid = (int32_t)r->value[1];
	return r->value[2] & (uint32_t)r->argument[1];
}

static bool read_migrate(const struct observed_events *o, const struct observe_record *r, struct schedule_event *e)
{
	(void)o;
	e->cpu = (uint32_t)r->argument[1];
	e->task = r->argument[0];
	e->pid = (int32_t)r->value[0];
	return r->value[1] != e->cpu;
}

static bool read_group(const struct observed_events *o, const struct observe_record *r, struct schedule_event *e)
{
	(void)o;
	e->cpu = (uint32_t)r->value[0];
	e->task = r->argument[0];
	e->pid = (int32_t)r->value[1];
	e->group = r->value[2];
	return e->group;
}

static bool read_tick(const struct observed_events *o, const struct observe_record *r, struct schedule_event *e)
{
	(void)o;
	e->cpu = (uint32_t)r->value[0];
	return true;
}

static bool read_dequeue(const struct observed_events *o, const struct observe_record *r, struct schedule_event *e)
{
	uint64_t flags = r->argument[2];
	(void)o;
	e->clock_ns = r->value[0];
	e->cpu = (uint32_t)r->value[1];
	e->task = r->argument[1];
	e->pid = (int32_t)r->value[2];
	e->reason = flags & FLAG_SLEEP ? SCHEDULE_SLEEP : flags & FLAG_CHANGE ? SCHEDULE_CHANGE : SCHEDULE_MOVE;
	return true;
}

static bool read_enqueue(const struct observed_events *o, const struct observe_record *r, struct schedule_event *e)
{
	read_dequeue(o, r, e);
	e->reason = r->argument[2] & FLAG_CHANGE    ? SCHEDULE_CHANGE
		    : r->value[3] == ON_RQ_MIGRATES ? SCHEDULE_MOVE
						    : SCHEDULE_SLEEP;
	set_allowed(o, e, r->value[4]);
	e->group = r->value[5];
	return true;
}

typedef bool read_fn(const struct observed_events *o, const struct observe_record *r, struct schedule_event *e);

static read_fn *const readers[SCHEDULE_KIND_COUNT] = {
	[SCHEDULE_SWITCH] = read_switch,   [SCHEDULE_WAKE] = read_wake,	      [SCHEDULE_ENQUEUE] = read_enqueue,
	[SCHEDULE_DEQUEUE] = read_dequeue, [SCHEDULE_MIGRATE] = read_migrate, [SCHEDULE_GROUP] = read_group,
	[SCHEDULE_TICK] = read_tick,
};

bool observed_events_read(const struct observed_events *o, const struct observe_record *r, struct schedule_event *ret)
{
	uint32_t index = r->hook - OBSERVED_EVENTS_FIRST;
	if (index >= o->hooks)
		return false;
	const struct hook_row *row = &rows[o->row[index]];
	*ret = (struct schedule_event){ .time_ns = r->guest_ns,
					.kind = row->kind,
					.task_class = (uint8_t)row->task_class };
	return readers[row->kind](o, r, ret);
}
