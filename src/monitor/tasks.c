/* SPDX-License-Identifier: GPL-2.0-only */
#include "monitor/tasks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"

#define CGROUP_DEPTH_MAX 64
#define CGROUP_NAME_MAX	 256
#define STACK_BYTES_MAX	 (64u << 10)

static const char *const class_names[] = { "fair", "rt", "dl", "idle", "stop", "ext" };
/* A task whose stack has one of these waits for a lock of the kernel, and not for the scheduler. */
static const char *const lock_functions[] = {
	"queued_spin_lock_slowpath", "native_queued_spin_lock_slowpath", "__mutex_lock",      "__mutex_lock_slowpath",
	"rwsem_down_read_slowpath",  "rwsem_down_write_slowpath",	 "percpu_down_write", "__percpu_down_read",
};
/* Bits of __state and exit_state, and the letter that ps shows for them. */
static const struct {
	uint32_t bit;
	char letter;
} state_letters[] = { { 0x20, 'Z' }, { 0x10, 'X' }, { 0x1, 'S' },  { 0x402, 'I' }, { 0x2, 'D' },
		      { 0x4, 'T' },  { 0x8, 't' },  { 0x40, 'P' }, { 0x1000, 'D' } };

/* --- who ---------------------------------------------------------------------------------------------------------- */

const char *task_class(struct inspector *in, uint64_t task)
{
	uint64_t its = inspect_get(in, LAYOUT_TASK_CLASS, task);
	for (size_t i = 0; its && i < ARRAY_SIZE(class_names); i++) {
		char symbol[32];
		snprintf(symbol, sizeof(symbol), "%s_sched_class", class_names[i]);
		if (inspect_is(in, its, symbol))
			return class_names[i];
	}
	return NULL;
}

char task_state_letter(struct inspector *in, uint64_t task)
{
	uint64_t state = inspect_get(in, LAYOUT_TASK_STATE, task) | inspect_get(in, LAYOUT_TASK_EXIT_STATE, task);
	for (size_t i = 0; i < ARRAY_SIZE(state_letters); i++)
		if ((state & state_letters[i].bit) == state_letters[i].bit)
			return state_letters[i].letter;
	return 'R'; /* also while it is woken, or new */
}

void cgroup_path(struct inspector *in, uint64_t cgroup, char *out, size_t size)
{
	char name[CGROUP_DEPTH_MAX][CGROUP_NAME_MAX];
	unsigned depth = 0;
	uint64_t node = inspect_get(in, LAYOUT_CGROUP_NODE, cgroup), parent;
	for (; node && depth < CGROUP_DEPTH_MAX && (parent = inspect_get(in, LAYOUT_KERNFS_PARENT, node));
	     node = parent)
		inspect_text(in, inspect_get(in, LAYOUT_KERNFS_NAME, node), name[depth++], CGROUP_NAME_MAX);
	size_t len = (size_t)snprintf(out, size, "%s", cgroup && !depth ? "/" : "");
	while (depth-- && len < size)
		len += (size_t)snprintf(out + len, size - len, "/%s", name[depth]);
	text_clean_field(out, size);
}

void task_cgroup(struct inspector *in, uint64_t task, char *out, size_t size)
{
	uint64_t set = inspect_get(in, LAYOUT_TASK_CSS_SET, task);
	cgroup_path(in, inspect_get(in, LAYOUT_CSS_SET_CGROUP, set), out, size);
}

static void put_pid_of(struct inspector *in, json_t **json, const char *key, enum layout_field f, uint64_t signal)
{
	uint64_t pid = inspect_get(in, f, signal);
	if (pid)
		inspect_put(in, json, key, LAYOUT_PID_NR, pid);
}

static void put_identity(struct inspector *in, uint64_t task, json_t **json)
{
	uint64_t leader = inspect_get(in, LAYOUT_TASK_LEADER, task), parent = inspect_get(in, LAYOUT_TASK_PARENT, task),
		 signal = inspect_get(in, LAYOUT_TASK_SIGNAL, task);
	char path[1024];
	inspect_put(in, json, "pid", LAYOUT_TASK_PID, task);
	inspect_put(in, json, "tgid", LAYOUT_TASK_TGID, task);
	inspect_put_text(in, json, "comm", LAYOUT_TASK_COMM, task);
	inspect_put_address(json, "kva", task);
	inspect_put(in, json, "group_leader_pid", LAYOUT_TASK_PID, leader);
	inspect_put(in, json, "real_parent_pid", LAYOUT_TASK_PID, parent);
	inspect_put_text(in, json, "real_parent_comm", LAYOUT_TASK_COMM, parent);
	put_pid_of(in, json, "pgid", LAYOUT_SIGNAL_PGID, signal);
	put_pid_of(in, json, "sid", LAYOUT_SIGNAL_SID, signal);
	inspect_put(in, json, "nr_threads", LAYOUT_SIGNAL_THREADS, signal);
	inspect_put(in, json, "signal_nvcsw", LAYOUT_SIGNAL_NVCSW, signal);
	inspect_put(in, json, "signal_nivcsw", LAYOUT_SIGNAL_NIVCSW, signal);
	task_cgroup(in, task, path, sizeof(path));
	if (*path)
		json_put_text(json, "cgroup", path);
}

/* --- scheduling --------------------------------------------------------------------------------------------------- */

static void put_scheduling(struct inspector *in, uint64_t task, json_t **json)
{
	const char letter[2] = { task_state_letter(in, task) };
	json_put_text(json, "state", letter);
	json_put_bool(json, "on_cpu", inspect_get(in, LAYOUT_TASK_ON_CPU, task) != 0);
	inspect_put(in, json, "cpu", LAYOUT_TASK_CPU, task);
	inspect_put(in, json, "prio", LAYOUT_TASK_PRIO, task);
	inspect_put(in, json, "static_prio", LAYOUT_TASK_STATIC_PRIO, task);
	inspect_put(in, json, "normal_prio", LAYOUT_TASK_NORMAL_PRIO, task);
	inspect_put(in, json, "rt_priority", LAYOUT_TASK_RT_PRIORITY, task);
	inspect_put(in, json, "policy", LAYOUT_TASK_POLICY, task);
	inspect_put(in, json, "core_cookie", LAYOUT_TASK_CORE_COOKIE, task);
	inspect_put(in, json, "nvcsw", LAYOUT_TASK_NVCSW, task);
	inspect_put(in, json, "nivcsw", LAYOUT_TASK_NIVCSW, task);
	inspect_put_cpus(in, json, "cpus_allowed", inspect_get(in, LAYOUT_TASK_CPUS_PTR, task));
	inspect_put(in, json, "nr_cpus_allowed", LAYOUT_TASK_CPUS_ALLOWED, task);
	inspect_put(in, json, "migration_disabled", LAYOUT_TASK_NO_MIGRATION, task);
	inspect_put(in, json, "run_delay_ns", LAYOUT_TASK_RUN_DELAY, task);
	inspect_put(in, json, "times_run", LAYOUT_TASK_PCOUNT, task);
	inspect_put(in, json, "run_time_ns", LAYOUT_TASK_SUM_EXEC, task);
}

static json_t *fair_record(struct inspector *in, uint64_t task)
{
	json_t *json = json_object();
	inspect_put(in, &json, "vruntime", LAYOUT_TASK_VRUNTIME, task);
	inspect_put(in, &json, "deadline", LAYOUT_TASK_DEADLINE, task);
	inspect_put(in, &json, "vlag", LAYOUT_TASK_VLAG, task);
	inspect_put(in, &json, "slice", LAYOUT_TASK_SE_SLICE, task);
	return json;
}

void dsq_id_text(uint64_t id, char *out, size_t size)
{
	static const char *const builtin[] = { "INVALID", "GLOBAL", "LOCAL", "BYPASS", "REJECT", "RESCUE" };
	if (!(id >> 63))
		snprintf(out, size, "0x%" PRIx64, id);
	else if (id >> 62 & 1)
		snprintf(out, size, "LOCAL_ON %u", (unsigned)id);
	else if ((id & ~(1ull << 63)) < ARRAY_SIZE(builtin))
		snprintf(out, size, "%s", builtin[id & 7]);
	else
		snprintf(out, size, "0x%" PRIx64, id);
}

static void put_dsq_id(json_t **json, const char *key, uint64_t id)
{
	char text[32];
	dsq_id_text(id, text, sizeof(text));
	json_put_text(json, key, text);
}

/* The state of 6.12 is an enum of its own; later its values are shifted ones among the flags. */
static void put_scx_flags(struct inspector *in, uint64_t flags, json_t **json)
{
	uint64_t mask = layout_value(in->layout, LAYOUT_ENUM_TASK_FLAGS, "STATE_MASK", 0x300),
		 shift = layout_value(in->layout, LAYOUT_ENUM_TASK_FLAGS, "STATE_SHIFT", 8);
	if (in->layout->enumeration[LAYOUT_ENUM_TASK_STATES])
		inspect_put_variant(in, json, "state", LAYOUT_ENUM_TASK_STATES, (flags & mask) >> (shift & 31));
	else
		inspect_put_variant(in, json, "state", LAYOUT_ENUM_TASK_FLAGS, flags & mask);
	inspect_put_flags(in, json, "flags", LAYOUT_ENUM_TASK_FLAGS, flags & ~mask);
}

static void put_ops_state(struct inspector *in, uint64_t task, json_t **json)
{
	uint64_t state, seq_shift = layout_value(in->layout, LAYOUT_ENUM_OPS_STATES, "QSEQ_SHIFT", 2) & 63;
	if (!inspect_read(in, LAYOUT_SCX_OPS_STATE, task, &state))
		return;
	inspect_put_variant(in, json, "ops_state", LAYOUT_ENUM_OPS_STATES, state & ((1ull << seq_shift) - 1));
	json_put_u64(json, "ops_qseq", state >> seq_shift);
}

static json_t *scx_record(struct inspector *in, uint64_t task)
{
	json_t *json = json_object();
	uint64_t value, dsq = inspect_get(in, LAYOUT_SCX_DSQ, task);
	if (inspect_read(in, LAYOUT_SCX_FLAGS, task, &value))
		put_scx_flags(in, value, &json);
	if (inspect_read(in, LAYOUT_DSQ_ID, dsq, &value))
		put_dsq_id(&json, "dsq_id", value);
	put_ops_state(in, task, &json);
	inspect_put(in, &json, "dsq_flags", LAYOUT_SCX_DSQ_FLAGS, task);
	inspect_put(in, &json, "dsq_vtime", LAYOUT_SCX_VTIME, task);
	inspect_put(in, &json, "slice_ns", LAYOUT_SCX_SLICE, task);
	inspect_put(in, &json, "weight", LAYOUT_SCX_WEIGHT, task);
	inspect_put(in, &json, "sticky_cpu", LAYOUT_SCX_STICKY, task);
	inspect_put(in, &json, "holding_cpu", LAYOUT_SCX_HOLDING, task);
	if (inspect_read(in, LAYOUT_SCX_DDSP_DSQ, task, &value))
		put_dsq_id(&json, "ddsp_dsq_id", value);
	if (inspect_read(in, LAYOUT_SCX_DDSP_FLAGS, task, &value))
		inspect_put_flags(in, &json, "ddsp_enq_flags", LAYOUT_ENUM_ENQ_FLAGS, value);
	if (inspect_read(in, LAYOUT_SCX_RUNNABLE_AT, task, &value) && inspect_age_ms(in, value) >= 0)
		json_put_int(&json, "runnable_age_ms", inspect_age_ms(in, value));
	return json;
}

/* --- the stack ---------------------------------------------------------------------------------------------------- */

/* What a task that does not run has left on its stack. False: not readable. */
static bool sleeping_start(struct inspector *in, uint64_t task, struct orc_start *start)
{
	uint64_t frame = inspect_get(in, LAYOUT_TASK_SP, task), stack = inspect_get(in, LAYOUT_TASK_STACK, task);
	if (!frame || frame < stack || frame - stack > STACK_BYTES_MAX || !in->layout->size[LAYOUT_SIZE_FRAME])
		return false;
	start->ip = inspect_get(in, LAYOUT_FRAME_RETURN, frame);
	start->bp = inspect_get(in, LAYOUT_FRAME_BP, frame);
	start->sp = frame + in->layout->size[LAYOUT_SIZE_FRAME];
	/* A new task has not run yet: what it returns to was not called. */
	start->interrupted =
		inspect_is(in, start->ip, "ret_from_fork") || inspect_is(in, start->ip, "ret_from_fork_asm");
	return start->ip != 0;
}

static const char *running_start(struct inspector *in, uint64_t task, struct orc_start *start)
{
	uint64_t cpu = inspect_get(in, LAYOUT_TASK_CPU, task);
	if (!in->config.registers || cpu >= in->config.registers_count)
		return "it runs, and the registers of its CPU are not known";
	const struct cpu_registers *r = &in->config.registers[cpu];
	if (r->user)
		return "it runs a program, not the kernel";
	*start = (struct orc_start){ .ip = r->ip, .sp = r->sp, .bp = r->bp, .interrupted = true };
	return NULL;
}

static const char *lock_in(struct inspector *in, const struct orc_stack *stack)
{
	char name[SYMBOL_TEXT_MAX];
	for (unsigned i = 0; i < stack->frames; i++) {
		inspect_code(in, stack->frame[i], !stack->interrupted[i], name);
		name[strcspn(name, "+.")] = '\0';
		for (size_t k = 0; k < ARRAY_SIZE(lock_functions); k++)
			if (strcmp(name, lock_functions[k]) == 0)
				return lock_functions[k];
	}
	return NULL;
}

static void put_stack(struct inspector *in, uint64_t task, json_t **json)
{
	static const char *const ends[] = { [ORC_END_MANY_FRAMES] = "more frames are not shown",
					    [ORC_END_NO_ENTRY] = "the unwinding tables do not say how to go on",
					    [ORC_END_BAD_STACK] = "the stack does not make sense from here on" };
	struct orc_stack stack;
	struct orc_start start = { 0 };
	const char *missing = in->config.orc ? NULL : in->config.no_orc ? in->config.no_orc : "no unwinding tables";
	if (!missing && inspect_get(in, LAYOUT_TASK_ON_CPU, task))
		missing = running_start(in, task, &start);
	else if (!missing && !sleeping_start(in, task, &start))
		missing = "its stack pointer does not point to its stack";
	if (missing) {
		json_put_text(json, "stack_unavailable", missing);
		return;
	}
	orc_unwind(in->config.orc, in->view, start, &stack);
	inspect_put_list(json, "stack", inspect_stack(in, &stack));
	if (ends[stack.end])
		json_put_text(json, "stack_end", ends[stack.end]);
	const char *lock = lock_in(in, &stack);
	if (lock)
		json_put_text(json, "lock_slowpath_match", lock);
}

/* --- records ------------------------------------------------------------------------------------------------------ */

json_t *task_record(struct inspector *in, uint64_t task)
{
	json_t *json = json_object();
	struct task_brief brief;
	const char *class = task_class(in, task);
	task_look(in, task, &brief);
	put_identity(in, task, &json);
	put_scheduling(in, task, &json);
	if (class)
		json_put_text(&json, "sched_class", class);
	json_put_bool(&json, "waiting", brief.waiting);
	if (brief.blocked)
		json_put_bool(&json, "blocked", true);
	if (brief.waits_ms >= 0)
		json_put_int(&json, "waits_ms", brief.waits_ms);
	if (class && strcmp(class, "fair") == 0)
		json_put(&json, "fair", fair_record(in, task));
	/* On the list of sched_ext, but of another class: a lock that a real-time task wants lifted it out. */
	uint64_t runnable = inspect_member(in, LAYOUT_SCX_RUNNABLE_NODE, task), next = 0;
	if (runnable && view_read_u64(in->view, runnable, 8, &next) && next && next != runnable && !brief.scx)
		json_put_bool(&json, "pi_boosted_out_of_scx", true);
	if (brief.scx)
		json_put(&json, "scx", scx_record(in, task));
	put_stack(in, task, &json);
	return json;
}

/* How long it waits: by the clock of the CPUs; of sched_ext, by its own watchdog's ticks if those say longer. */
static int64_t waits_ms(struct inspector *in, uint64_t task, bool scx)
{
	uint64_t queued = inspect_get(in, LAYOUT_TASK_LAST_QUEUED, task), since;
	int64_t waits = -1;
	if (queued)
		waits = queued < in->clock_ns ? (int64_t)((in->clock_ns - queued) / (uint64_t)NSEC_PER_MSEC) : 0;
	if (scx && inspect_read(in, LAYOUT_SCX_RUNNABLE_AT, task, &since))
		waits = MAX_OF(waits, inspect_age_ms(in, since));
	return waits;
}

void task_look(struct inspector *in, uint64_t task, struct task_brief *ret)
{
	*ret = (struct task_brief){ .task = task,
				    .pid = (int32_t)inspect_get(in, LAYOUT_TASK_PID, task),
				    .waits_ms = -1 };
	ret->running = inspect_get(in, LAYOUT_TASK_ON_CPU, task) != 0;
	ret->scx = inspect_is(in, inspect_get(in, LAYOUT_TASK_CLASS, task), "ext_sched_class");
	ret->waiting = !ret->running && ret->pid && inspect_get(in, LAYOUT_TASK_ON_RQ, task) &&
		       !inspect_get(in, LAYOUT_TASK_DELAYED, task);
	ret->blocked = !ret->running && !ret->waiting && ret->pid && task_state_letter(in, task) == 'D';
	if (ret->waiting)
		ret->waits_ms = waits_ms(in, task, ret->scx);
}

/* --- all tasks ---------------------------------------------------------------------------------------------------- */

struct taking {
	struct inspector *in;
	struct task_list *list;
	unsigned room;
	bool all, failed;
};

static bool make_room(struct taking *t)
{
	if (t->list->count < t->room)
		return true;
	unsigned room = t->room ? t->room * 2 : 256;
	struct task_brief *brief = reallocarray(t->list->brief, room, sizeof(*brief));
	t->failed = !brief;
	if (!brief)
		return false;
	t->list->brief = brief;
	t->room = room;
	return true;
}

static int take(struct view *v, uint64_t task, void *arg)
{
	struct taking *t = arg;
	struct task_brief brief;
	(void)v;
	task_look(t->in, task, &brief);
	t->list->seen++;
	t->list->waiting += brief.waiting;
	t->list->blocked += brief.blocked;
	if (!t->all && !brief.waiting && !brief.blocked && !(brief.running && brief.pid))
		return 0;
	if (!make_room(t))
		return 1;
	t->list->brief[t->list->count++] = brief;
	return 0;
}

static int by_wait(const void *a, const void *b)
{
	const struct task_brief *x = a, *y = b;
	if (x->waiting != y->waiting)
		return y->waiting - x->waiting;
	if (x->waits_ms != y->waits_ms)
		return y->waits_ms > x->waits_ms ? 1 : -1;
	if (x->running != y->running)
		return y->running - x->running;
	if (x->blocked != y->blocked)
		return y->blocked - x->blocked;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

int task_list_take(struct inspector *in, bool all, struct task_list *ret)
{
	*ret = (struct task_list){ 0 };
	struct taking t = { .in = in, .list = ret, .all = all };
	ret->end = walk_tasks(in->view, TASKS_SEEN_MAX, take, &t);
	if (ret->count)
		qsort(ret->brief, ret->count, sizeof(*ret->brief), by_wait);
	return t.failed ? -ENOMEM : 0;
}

void task_list_done(struct task_list *l)
{
	free(l->brief);
	*l = (struct task_list){ 0 };
}
