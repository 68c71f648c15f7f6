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

static const struct {
	struct {
		const char *structure, *member;
	} hop[OBSERVE_HOPS];
} values[VALUE_COUNT] = {
	[CLOCK] = { { { "rq", "clock" } } },
	[CPU] = { { { "rq", "cpu" } } },
	[PID] = { { { "task_struct", "pid" } } },
	[ON_QUEUE] = { { { "task_struct", "on_rq" } } },
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

struct read_row {
	enum value value;
	unsigned base;
};

/* Clocks come last: they are left out if nobody compares with the kernel's statistics. */
static const struct read_row switch_reads[] = {
	{ CPU, QUEUE },	  { PID, ARGUMENT(0) },	 { PID, ARGUMENT(1) },	   { STATE, ARGUMENT(0) },
	{ CLOCK, QUEUE }, { TASK_CLOCK, QUEUE }, { CHARGED, ARGUMENT(0) }, { NOTHING },
};
static const struct read_row wake_reads[] = {
	{ CPU, QUEUE }, { PID, ARGUMENT(0) }, { STATE, ARGUMENT(0) }, { NOTHING }
};
static const struct read_row migrate_reads[] = { { PID, ARGUMENT(0) }, { CPU_OF_TASK, ARGUMENT(0) }, { NOTHING } };
static const struct read_row group_reads[] = {
	{ CPU, QUEUE }, { PID, ARGUMENT(0) }, { GROUP_OF_SET, ARGUMENT(2) }, { NOTHING }
};
static const struct read_row tick_reads[] = { { CPU, QUEUE }, { NOTHING } };
static const struct read_row no_reads[] = { { NOTHING } };
static const struct read_row dequeue_reads[] = {
	{ CPU, ARGUMENT(0) }, { PID, ARGUMENT(1) }, { CLOCK, ARGUMENT(0) }, { NOTHING }
};
static const struct read_row enqueue_reads[] = {
	{ CPU, ARGUMENT(0) },	{ PID, ARGUMENT(1) },	{ ON_QUEUE, ARGUMENT(1) },
	{ GROUP, ARGUMENT(1) }, { CLOCK, ARGUMENT(0) }, { NOTHING },
};

/* How records of a kind are made and read. */
typedef bool read_fn(const struct observe_record *r, struct schedule_event *e);
static read_fn read_switch, read_wake, read_migrate, read_group, read_tick, read_cpu, read_enqueue, read_dequeue;

static const struct {
	const struct read_row *reads;
	unsigned allowed_of; /* the task whose CPUs are read after all others; 0: none */
	read_fn *read;
} kinds[SCHEDULE_KIND_COUNT] = {
	[SCHEDULE_SWITCH] = { switch_reads, ARGUMENT(0), read_switch },
	[SCHEDULE_WAKE] = { wake_reads, 0, read_wake },
	[SCHEDULE_MIGRATE] = { migrate_reads, 0, read_migrate },
	[SCHEDULE_GROUP] = { group_reads, 0, read_group },
	[SCHEDULE_TICK] = { tick_reads, 0, read_tick },
	[SCHEDULE_OFFLINE] = { no_reads, 0, read_cpu },
	[SCHEDULE_ONLINE] = { no_reads, 0, read_cpu },
	/* Functions of classes are called with the queue's clock up to date, whoever the caller is. */
	[SCHEDULE_ENQUEUE] = { enqueue_reads, ARGUMENT(1), read_enqueue },
	[SCHEDULE_DEQUEUE] = { dequeue_reads, 0, read_dequeue },
};

static const struct {
	const char *symbols[2]; /* the first that a kernel has */
	enum schedule_kind kind;
	enum schedule_class task_class;
	bool may_lack; /* a kernel without this class */
} rows[] = {
	{ { "__switch_to" }, SCHEDULE_SWITCH, 0, false },      /* prev, next */
	{ { "try_to_wake_up" }, SCHEDULE_WAKE, 0, false },     /* task, states, flags */
	{ { "set_task_cpu" }, SCHEDULE_MIGRATE, 0, false },    /* task, cpu */
	{ { "css_set_move_task" }, SCHEDULE_GROUP, 0, false }, /* task, from, to, ... */
	{ { "sched_tick", "scheduler_tick" }, SCHEDULE_TICK, 0, false },
	{ { "sched_cpu_deactivate" }, SCHEDULE_OFFLINE, 0, false }, /* cpu */
	{ { "sched_cpu_activate" }, SCHEDULE_ONLINE, 0, false },
	/* queue, task, flags */
	{ { "enqueue_task_stop" }, SCHEDULE_ENQUEUE, SCHEDULE_CLASS_STOP, false },
	{ { "enqueue_task_dl" }, SCHEDULE_ENQUEUE, SCHEDULE_CLASS_DEADLINE, false },
	{ { "enqueue_task_rt" }, SCHEDULE_ENQUEUE, SCHEDULE_CLASS_REALTIME, false },
	{ { "enqueue_task_fair" }, SCHEDULE_ENQUEUE, SCHEDULE_CLASS_FAIR, false },
	{ { "enqueue_task_scx" }, SCHEDULE_ENQUEUE, SCHEDULE_CLASS_EXT, true },
	{ { "dequeue_task_stop" }, SCHEDULE_DEQUEUE, SCHEDULE_CLASS_STOP, false },
	{ { "dequeue_task_dl" }, SCHEDULE_DEQUEUE, SCHEDULE_CLASS_DEADLINE, false },
	{ { "dequeue_task_rt" }, SCHEDULE_DEQUEUE, SCHEDULE_CLASS_REALTIME, false },
	{ { "dequeue_task_fair" }, SCHEDULE_DEQUEUE, SCHEDULE_CLASS_FAIR, false },
	{ { "dequeue_task_scx" }, SCHEDULE_DEQUEUE, SCHEDULE_CLASS_EXT, true },
};
_Static_assert(ARRAY_SIZE(rows) <= OBSERVED_EVENTS_MAX, "room for all rows");

static unsigned words_of(unsigned cpus)
{
	return (cpus + 63) / 64;
}

/* Returns NULL, or the member that this kernel does not have. */
static const char *find_read(struct observe_read *out, const struct kernel_image *image, struct read_row row)
{
	uint64_t queues = 0;
	if (row.base == QUEUE && !symbols_look_up(image->symbols, "runqueues", &queues))
		return "runqueues";
	*out = (struct observe_read){ .base = (uint8_t)row.base };
	for (; out->hops < OBSERVE_HOPS && values[row.value].hop[out->hops].structure; out->hops++) {
		const char *member = values[row.value].hop[out->hops].member;
		struct field f = types_field(image->types, values[row.value].hop[out->hops].structure, member);
		if (!field_present(f))
			return member;
		out->offset[out->hops] = f.offset;
		out->size = (uint8_t)f.size;
	}
	out->offset[0] += queues;
	return NULL;
}

/* The words of the mask to which the task points. */
static const char *find_allowed(struct observe_read *out, const struct kernel_image *image, unsigned base,
				unsigned words)
{
	struct field f = types_field(image->types, "task_struct", "cpus_ptr");
	for (unsigned i = 0; i < words; i++)
		out[i] =
			(struct observe_read){ (uint8_t)base, sizeof(uint64_t), 2, { f.offset, i * sizeof(uint64_t) } };
	return field_present(f) ? NULL : "cpus_ptr";
}

static bool is_clock(enum value v)
{
	return v == CLOCK || v == TASK_CLOCK || v == CHARGED;
}

static unsigned count_reads(enum schedule_kind kind, bool clocks)
{
	unsigned n = 0;
	while (kinds[kind].reads[n].value != NOTHING && (clocks || !is_clock(kinds[kind].reads[n].value)))
		n++;
	return n;
}

static const char *find_reads(const struct observed_events *o, struct observe_hook *h, const struct kernel_image *image,
			      enum schedule_kind kind)
{
	const char *lack = NULL;
	unsigned reads = count_reads(kind, o->clocks), words = words_of(o->cpus);
	for (unsigned i = 0; i < reads && !lack; i++)
		lack = find_read(&h->read[i], image, kinds[kind].reads[i]);
	if (lack || !kinds[kind].allowed_of || reads + words > OBSERVE_READS)
		return lack;
	return find_allowed(&h->read[reads], image, kinds[kind].allowed_of, words);
}

const char *observed_events_find(struct observed_events *o, const struct kernel_image *image, unsigned cpus,
				 bool clocks)
{
	*o = (struct observed_events){ .cpus = cpus, .clocks = clocks };
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct observe_hook hook = { .id = OBSERVED_EVENTS_FIRST + o->hooks, .kind = OBSERVE_RECORD };
		for (size_t n = 0; n < ARRAY_SIZE(rows[i].symbols) && rows[i].symbols[n] && !hook.address; n++)
			hook.address = symbols_find(image->symbols, rows[i].symbols[n]);
		if ((!hook.address && rows[i].may_lack) || (rows[i].kind == SCHEDULE_TICK && !clocks))
			continue;
		const char *lack = hook.address ? find_reads(o, &hook, image, rows[i].kind) : rows[i].symbols[0];
		if (lack)
			return lack;
		o->row[o->hooks] = (uint8_t)i;
		o->hook[o->hooks++] = hook;
	}
	return NULL;
}

/* --- what it means ------------------------------------------------------------------------------------------------ */

static void read_allowed(const struct observed_events *o, const struct observe_record *r, struct schedule_event *e)
{
	unsigned first = count_reads(e->kind, o->clocks), words = words_of(o->cpus);
	if (!kinds[e->kind].allowed_of || first + words > OBSERVE_READS || r->missed >> first)
		return;
	e->allowed_words = (uint8_t)words;
	for (unsigned i = 0; i < words; i++)
		e->allowed[i] = r->value[first + i];
}

static bool read_switch(const struct observe_record *r, struct schedule_event *e)
{
	e->cpu = (uint32_t)r->value[0];
	e->pid = (int32_t)r->value[1];
	e->next_pid = (int32_t)r->value[2];
	/* The idle tasks are those without a number. */
	e->task = e->pid ? r->argument[0] : 0;
	e->next = e->next_pid ? r->argument[1] : 0;
	e->leaving = r->value[3] == 0 ? SCHEDULE_RUNS : r->value[3] & TASK_DEAD ? SCHEDULE_DEAD : SCHEDULE_SLEEPS;
	e->clock_ns = r->value[4];
	e->task_clock_ns = r->value[5];
	e->charged_ns = r->value[6];
	return true;
}

static bool read_wake(const struct observe_record *r, struct schedule_event *e)
{
	e->cpu = (uint32_t)r->value[0];
	e->task = r->argument[0];
	e->pid = (int32_t)r->value[1];
	return r->value[2] & (uint32_t)r->argument[1];
}

static bool read_migrate(const struct observe_record *r, struct schedule_event *e)
{
	e->cpu = (uint32_t)r->argument[1];
	e->task = r->argument[0];
	e->pid = (int32_t)r->value[0];
	return r->value[1] != e->cpu;
}

static bool read_group(const struct observe_record *r, struct schedule_event *e)
{
	e->cpu = (uint32_t)r->value[0];
	e->task = r->argument[0];
	e->pid = (int32_t)r->value[1];
	e->group = r->value[2];
	return e->group;
}

static bool read_tick(const struct observe_record *r, struct schedule_event *e)
{
	e->cpu = (uint32_t)r->value[0];
	return true;
}

static bool read_cpu(const struct observe_record *r, struct schedule_event *e)
{
	e->cpu = (uint32_t)r->argument[0];
	return true;
}

static bool read_dequeue(const struct observe_record *r, struct schedule_event *e)
{
	uint64_t flags = r->argument[2];
	e->cpu = (uint32_t)r->value[0];
	e->task = r->argument[1];
	e->pid = (int32_t)r->value[1];
	e->clock_ns = r->value[2];
	e->reason = flags & FLAG_SLEEP ? SCHEDULE_SLEEP : flags & FLAG_CHANGE ? SCHEDULE_CHANGE : SCHEDULE_MOVE;
	return true;
}

static bool read_enqueue(const struct observe_record *r, struct schedule_event *e)
{
	read_dequeue(r, e);
	e->reason = r->argument[2] & FLAG_CHANGE    ? SCHEDULE_CHANGE
		    : r->value[2] == ON_RQ_MIGRATES ? SCHEDULE_MOVE
						    : SCHEDULE_SLEEP;
	e->group = r->value[3];
	e->clock_ns = r->value[4];
	return true;
}

bool observed_events_read(const struct observed_events *o, const struct observe_record *r, struct schedule_event *ret)
{
	uint32_t index = r->hook - OBSERVED_EVENTS_FIRST;
	if (index >= o->hooks)
		return false;
	uint8_t row = o->row[index];
	*ret = (struct schedule_event){ .time_ns = r->guest_ns,
					.kind = rows[row].kind,
					.task_class = (uint8_t)rows[row].task_class };
	read_allowed(o, r, ret);
	if (!kinds[rows[row].kind].read(r, ret))
		return false;
	if (!o->clocks)
		ret->clock_ns = ret->task_clock_ns = ret->charged_ns = 0;
	return true;
}
