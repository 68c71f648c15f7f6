/* SPDX-License-Identifier: GPL-2.0-only */
#include "monitor/queues.h"

#include <inttypes.h>
#include <string.h>

#include "monitor/tasks.h"

#define NODES_MAX	   64
#define DSQ_CURSOR	   1u /* in scx_dsq_list_node.flags: a place that an iterator keeps, not a task */
#define RUNNABLE_SHOWN_MAX 4096u

/* --- run queues --------------------------------------------------------------------------------------------------- */

struct listing {
	struct inspector *in;
	json_t *list;
	unsigned count, others; /* tasks; cursors */
	uint64_t task_node;	/* offset of the node in a task */
	bool cursors;
};

static int list_task(struct view *v, uint64_t node, void *arg)
{
	struct listing *l = arg;
	struct inspector *in = l->in;
	uint64_t flags = 0, task = node - l->task_node;
	char comm[64];
	(void)v;
	if (l->cursors)
		inspect_read(in, LAYOUT_DSQ_NODE_FLAGS, inspect_object(in, LAYOUT_DSQ_NODE_LINK, node), &flags);
	if (flags & DSQ_CURSOR) {
		l->others++;
		return 0;
	}
	json_t *entry = json_object();
	struct task_brief brief;
	task_look(in, task, &brief);
	l->count++;
	inspect_put(in, &entry, "pid", LAYOUT_TASK_PID, task);
	inspect_member_text(in, LAYOUT_TASK_COMM, task, comm, sizeof(comm));
	json_put_text(&entry, "comm", comm);
	inspect_put_address(&entry, "kva", task);
	inspect_put(in, &entry, "dsq_vtime", LAYOUT_SCX_VTIME, task);
	if (brief.waits_ms >= 0)
		json_put_int(&entry, "waits_ms", brief.waits_ms);
	json_add(&l->list, entry);
	return 0;
}

static const char *walk_end_text(enum walk_end end)
{
	static const char *const text[] = { [WALK_CAPPED] = "there are more, or the list loops",
					    [WALK_TORN] = "the list is torn",
					    [WALK_STOPPED] = "stopped" };
	return text[end];
}

/* Tasks on a list whose node in the task is @node; how the walk ended, unless it was whole, in "..._truncated". */
static unsigned put_tasks(struct inspector *in, json_t **json, const char *key, uint64_t head, enum layout_field node,
			  bool cursors)
{
	struct listing l = {
		.in = in, .list = json_array(), .cursors = cursors, .task_node = in->layout->field[node].offset
	};
	char truncated[64];
	enum walk_end end = WALK_WHOLE;
	if (head && field_present(in->layout->field[node]))
		end = walk_list(in->view, head, DSQ_TASKS_MAX, list_task, &l);
	snprintf(truncated, sizeof(truncated), "%s_truncated", key);
	if (walk_end_text(end))
		json_put_text(json, truncated, walk_end_text(end));
	inspect_put_list(json, key, l.list);
	return l.count;
}

static void put_current(struct inspector *in, uint64_t rq, json_t **json)
{
	uint64_t current = inspect_get(in, LAYOUT_RQ_CURR, rq);
	const char *class = current ? task_class(in, current) : NULL;
	if (!current)
		return;
	inspect_put(in, json, "curr_pid", LAYOUT_TASK_PID, current);
	inspect_put_text(in, json, "curr_comm", LAYOUT_TASK_COMM, current);
	json_put_bool(json, "idle", current == inspect_get(in, LAYOUT_RQ_IDLE, rq));
	if (class)
		json_put_text(json, "curr_class", class);
	uint64_t arrived, clock;
	if (inspect_read(in, LAYOUT_TASK_LAST_ARRIVAL, current, &arrived) && arrived &&
	    inspect_read(in, LAYOUT_RQ_CLOCK, rq, &clock) && clock >= arrived)
		json_put_u64(json, "curr_runs_ms", (clock - arrived) / 1000000);
}

static void put_scx_rq(struct inspector *in, uint64_t rq, json_t **json)
{
	uint64_t flags, local = inspect_member(in, LAYOUT_RQ_SCX_LOCAL, rq);
	inspect_put(in, json, "scx_nr_running", LAYOUT_RQ_SCX_NR, rq);
	if (inspect_read(in, LAYOUT_RQ_SCX_FLAGS, rq, &flags))
		inspect_put_flags(in, json, "flags", LAYOUT_ENUM_RQ_FLAGS, flags);
	inspect_put(in, json, "cpu_released", LAYOUT_RQ_SCX_RELEASED, rq);
	inspect_put(in, json, "ops_qseq", LAYOUT_RQ_SCX_OPS_QSEQ, rq);
	inspect_put(in, json, "pnt_seq", LAYOUT_RQ_SCX_PNT_SEQ, rq);
	inspect_put(in, json, "kick_sync", LAYOUT_RQ_SCX_KICK_SYNC, rq);
	inspect_put(in, json, "nr_immed", LAYOUT_RQ_SCX_NR_IMMED, rq);
	inspect_put(in, json, "local_dsq_nr", LAYOUT_DSQ_NR, local);
	inspect_put_cpus(in, json, "cpus_to_kick", inspect_member(in, LAYOUT_RQ_SCX_KICK, rq));
	inspect_put_cpus(in, json, "cpus_to_kick_if_idle", inspect_member(in, LAYOUT_RQ_SCX_KICK_IDLE, rq));
	inspect_put_cpus(in, json, "cpus_to_preempt", inspect_member(in, LAYOUT_RQ_SCX_PREEMPT, rq));
	inspect_put_cpus(in, json, "cpus_to_wait", inspect_member(in, LAYOUT_RQ_SCX_WAIT, rq));
	put_tasks(in, json, "runnable_tasks", inspect_member(in, LAYOUT_RQ_SCX_RUNNABLE, rq), LAYOUT_SCX_RUNNABLE_NODE,
		  false);
}

json_t *queues_cpus(struct inspector *in)
{
	json_t *list = json_array();
	for (unsigned cpu = 0; cpu < in->view->cpus; cpu++) {
		uint64_t rq = view_per_cpu(in->view, "runqueues", cpu), clock;
		json_t *json = json_object();
		json_put_u64(&json, "cpu", cpu);
		inspect_put(in, &json, "online", LAYOUT_RQ_ONLINE, rq);
		inspect_put(in, &json, "nr_running", LAYOUT_RQ_NR_RUNNING, rq);
		inspect_put(in, &json, "nr_switches", LAYOUT_RQ_NR_SWITCHES, rq);
		inspect_put(in, &json, "nr_iowait", LAYOUT_RQ_NR_IOWAIT, rq);
		inspect_put(in, &json, "rq_clock", LAYOUT_RQ_CLOCK, rq);
		if (inspect_read(in, LAYOUT_RQ_CLOCK, rq, &clock) && in->clock_ns >= clock)
			json_put_u64(&json, "clock_lag_ms", (in->clock_ns - clock) / 1000000);
		put_current(in, rq, &json);
		if (field_present(in->layout->field[LAYOUT_RQ_SCX_NR]))
			put_scx_rq(in, rq, &json);
		json_add(&list, json);
	}
	return list;
}

/* --- CPU times ---------------------------------------------------------------------------------------------------- */

static const char *const cpu_times[] = { "USER", "NICE", "SYSTEM", "SOFTIRQ", "IRQ", "IDLE", "IOWAIT", "STEAL" };

static void put_cpu_times(struct inspector *in, json_t **json, uint64_t stat)
{
	for (size_t i = 0; i < ARRAY_SIZE(cpu_times); i++) {
		uint64_t index = layout_value(in->layout, LAYOUT_ENUM_CPU_TIMES, cpu_times[i], UINT64_MAX), ns;
		char key[32];
		if (index * 8 >= in->layout->field[LAYOUT_CPU_TIMES].size ||
		    !view_read_u64(in->view, stat + index * 8, 8, &ns))
			continue;
		size_t len = (size_t)snprintf(key, sizeof(key), "cpustat_%s_ns", cpu_times[i]);
		for (size_t k = 0; k < len; k++)
			key[k] = key[k] >= 'A' && key[k] <= 'Z' ? (char)(key[k] - 'A' + 'a') : key[k];
		json_put_u64(json, key, ns);
	}
}

static json_t *softirqs(struct inspector *in, uint64_t stat)
{
	uint64_t at = inspect_member(in, LAYOUT_CPU_SOFTIRQS, stat), count;
	json_t *list = json_array();
	for (unsigned i = 0; at && i < in->layout->field[LAYOUT_CPU_SOFTIRQS].size / 4; i++)
		json_add(&list, view_read_u64(in->view, at + i * 4, 4, &count) ? json_u64(count) : json_null());
	return list;
}

json_t *queues_cpu_times(struct inspector *in)
{
	json_t *list = json_array();
	for (unsigned cpu = 0; cpu < in->view->cpus; cpu++) {
		uint64_t times = inspect_member(in, LAYOUT_CPU_TIMES, view_per_cpu(in->view, "kernel_cpustat", cpu)),
			 stat = view_per_cpu(in->view, "kstat", cpu);
		json_t *json = json_object();
		json_put_u64(&json, "cpu", cpu);
		if (times)
			put_cpu_times(in, &json, times);
		inspect_put(in, &json, "irqs_sum", LAYOUT_CPU_IRQS, stat);
		inspect_put_list(&json, "softirqs", softirqs(in, stat));
		json_add(&list, json);
	}
	return list;
}

/* --- the scheduler ------------------------------------------------------------------------------------------------ */

/* struct scx_sched of the loaded scheduler; 0: none, or this kernel keeps its state in variables. */
static uint64_t scx_sched(struct inspector *in)
{
	uint64_t sched = 0, root = view_symbol(in->view, "scx_root");
	if (root)
		view_read_u64(in->view, root, 8, &sched);
	return sched;
}

static bool has_scx(struct inspector *in)
{
	return field_present(in->layout->field[LAYOUT_SCX_DSQ]);
}

static const char *no_scx(void)
{
	return "this kernel has no sched_ext";
}

/* A variable of the kernel. False: it has none of that name. */
static bool variable(struct inspector *in, const char *name, unsigned size, uint64_t *ret)
{
	uint64_t at = view_symbol(in->view, name);
	return at && view_read_u64(in->view, at, size, ret);
}

/* The member of scx_sched if there is one, else the variable. */
static bool state_value(struct inspector *in, uint64_t sched, enum layout_field f, const char *name, unsigned size,
			uint64_t *ret)
{
	return inspect_read(in, f, sched, ret) || variable(in, name, size, ret);
}

static uint64_t ops_of(struct inspector *in, uint64_t sched)
{
	return sched ? inspect_member(in, LAYOUT_SCHED_OPS, sched) : view_symbol(in->view, "scx_ops");
}

static void put_variables(struct inspector *in, json_t **json)
{
	static const struct {
		const char *key, *symbol;
		unsigned size;
	} variables[] = { { "nr_rejected", "scx_nr_rejected", 8 },
			  { "enable_seq", "scx_enable_seq", 8 },
			  { "hotplug_seq", "scx_hotplug_seq", 8 },
			  { "switching_all", "scx_switching_all", 1 } };
	uint64_t value;
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		if (variable(in, variables[i].symbol, variables[i].size, &value))
			json_put_u64(json, variables[i].key, value);
}

static void put_watchdog(struct inspector *in, uint64_t sched, json_t **json)
{
	uint64_t value;
	if (state_value(in, sched, LAYOUT_SCHED_WATCHDOG, "scx_watchdog_timeout", 8, &value) && in->hz)
		json_put_u64(json, "watchdog_timeout_ms", (uint64_t)((unsigned __int128)value * 1000 / in->hz));
	if (variable(in, "scx_watchdog_timestamp", 8, &value) && inspect_age_ms(in, value) >= 0)
		json_put_int(json, "watchdog_ran_ms_ago", inspect_age_ms(in, value));
}

json_t *queues_scheduler(struct inspector *in, const char **why)
{
	uint64_t sched = scx_sched(in), ops = ops_of(in, sched), value;
	json_t *json = json_object();
	if (!has_scx(in)) {
		json_decref(json);
		*why = no_scx();
		return NULL;
	}
	if (variable(in, "scx_ops_enable_state_var", 4, &value) || variable(in, "scx_enable_state_var", 4, &value))
		inspect_put_variant(in, &json, "enable_state", LAYOUT_ENUM_ENABLE, value);
	inspect_put_text(in, &json, "ops_name", LAYOUT_OPS_NAME, ops);
	if (inspect_read(in, LAYOUT_OPS_FLAGS, ops, &value))
		inspect_put_flags(in, &json, "ops_flags", LAYOUT_ENUM_OPS_FLAGS, value);
	if (state_value(in, sched, LAYOUT_SCHED_BYPASS_DEPTH, "scx_ops_bypass_depth", 4, &value))
		json_put_int(&json, "bypass_depth", (int32_t)value);
	inspect_put(in, &json, "aborting", LAYOUT_SCHED_ABORTING, sched);
	if (state_value(in, sched, LAYOUT_SCHED_EXIT_KIND, "scx_exit_kind", 4, &value))
		inspect_put_variant(in, &json, "exit_kind", LAYOUT_ENUM_EXIT_KINDS, value);
	put_watchdog(in, sched, &json);
	put_variables(in, &json);
	if (sched)
		inspect_put_address(&json, "sched_kva", sched);
	json_put_text(&json, "source", "live");
	return json;
}

static json_t *exit_backtrace(struct inspector *in, uint64_t info)
{
	struct orc_stack stack = { 0 };
	uint64_t at = inspect_get(in, LAYOUT_EXIT_BT, info), count = inspect_get(in, LAYOUT_EXIT_BT_LEN, info);
	for (unsigned i = 0; at && i < MIN_OF(count, (uint64_t)ORC_FRAMES_MAX); i++)
		if (view_read_u64(in->view, at + i * 8, 8, &stack.frame[stack.frames]) && stack.frame[stack.frames])
			stack.frames++;
	return inspect_stack(in, &stack);
}

static void put_exit_text(struct inspector *in, json_t **json, const char *key, uint64_t address, size_t size)
{
	_cleanup_free_ char *text = address ? malloc(size) : NULL;
	if (!text || !view_read_text(in->view, address, text, size))
		return;
	if (*text)
		json_put_text(json, key, text);
}

json_t *queues_exit(struct inspector *in, const char **why)
{
	uint64_t info = 0, kind = 0;
	if (!inspect_read(in, LAYOUT_SCHED_EXIT_INFO, scx_sched(in), &info))
		variable(in, "scx_exit_info", 8, &info);
	if (!has_scx(in) || !info || !inspect_read(in, LAYOUT_EXIT_KIND, info, &kind) || !kind) {
		*why = !has_scx(in) ? no_scx() : !info ? "no scheduler is loaded" : "the scheduler has not ended";
		return NULL;
	}
	json_t *json = json_object();
	inspect_put_variant(in, &json, "kind", LAYOUT_ENUM_EXIT_KINDS, kind);
	json_put_u64(&json, "kind_number", kind);
	inspect_put(in, &json, "exit_code", LAYOUT_EXIT_CODE, info);
	put_exit_text(in, &json, "reason", inspect_get(in, LAYOUT_EXIT_REASON, info), 256);
	put_exit_text(in, &json, "msg", inspect_get(in, LAYOUT_EXIT_MSG, info), 1025);
	put_exit_text(in, &json, "dump", inspect_get(in, LAYOUT_EXIT_DUMP, info), 32769);
	inspect_put_list(&json, "backtrace", exit_backtrace(in, info));
	return json;
}

/* --- dispatch queues ---------------------------------------------------------------------------------------------- */

struct collecting {
	struct inspector *in;
	json_t *list;
	unsigned count;
};

static void add_queue(struct collecting *c, uint64_t dsq, const char *origin)
{
	struct inspector *in = c->in;
	uint64_t id;
	char text[32];
	json_t *json = json_object();
	if (inspect_read(in, LAYOUT_DSQ_ID, dsq, &id)) {
		dsq_id_text(id, text, sizeof(text));
		json_put_text(&json, "id", text);
	}
	json_put_text(&json, "origin", origin);
	inspect_put_address(&json, "kva", dsq);
	inspect_put(in, &json, "nr", LAYOUT_DSQ_NR, dsq);
	inspect_put(in, &json, "seq", LAYOUT_DSQ_SEQ, dsq);
	put_tasks(in, &json, "tasks", inspect_member(in, LAYOUT_DSQ_LIST, dsq), LAYOUT_SCX_DSQ_NODE, true);
	json_add(&c->list, json);
	c->count++;
}

static int add_user_queue(struct view *v, uint64_t node, void *arg)
{
	struct collecting *c = arg;
	(void)v;
	add_queue(c, inspect_object(c->in, LAYOUT_DSQ_HASH_NODE, node), "user");
	return 0;
}

static void add_cpu_queues(struct collecting *c, uint64_t sched)
{
	uint64_t pcpu = inspect_get(c->in, LAYOUT_SCHED_PCPU, sched);
	char origin[32];
	for (unsigned cpu = 0; cpu < c->in->view->cpus; cpu++) {
		uint64_t local =
			inspect_member(c->in, LAYOUT_RQ_SCX_LOCAL, view_per_cpu(c->in->view, "runqueues", cpu));
		snprintf(origin, sizeof(origin), "local cpu %u", cpu);
		if (local)
			add_queue(c, local, origin);
		uint64_t bypass =
			pcpu ? inspect_member(c->in, LAYOUT_PCPU_BYPASS, view_per_cpu_pointer(c->in->view, pcpu, cpu))
			     : 0;
		snprintf(origin, sizeof(origin), "bypass cpu %u", cpu);
		if (bypass)
			add_queue(c, bypass, origin);
	}
}

/* One of each NUMA node: behind an array of pointers, either to queues or to structs that contain one. */
static void add_global_queues(struct collecting *c, uint64_t sched)
{
	uint64_t array = inspect_get(c->in, LAYOUT_SCHED_PNODE, sched), nodes = 1, dsq;
	bool inside = array != 0;
	char origin[32];
	if (!array && !inspect_read(c->in, LAYOUT_SCHED_GLOBAL_DSQS, sched, &array))
		variable(c->in, "global_dsqs", 8, &array);
	variable(c->in, "nr_node_ids", 4, &nodes);
	for (unsigned node = 0; array && node < MIN_OF(nodes, (uint64_t)NODES_MAX); node++) {
		if (!view_read_u64(c->in->view, array + node * 8, 8, &dsq) || !dsq)
			continue;
		snprintf(origin, sizeof(origin), "global node %u", node);
		add_queue(c, inside ? inspect_member(c->in, LAYOUT_PNODE_GLOBAL, dsq) : dsq, origin);
	}
}

json_t *queues_dispatch(struct inspector *in, const char **why)
{
	uint64_t sched = scx_sched(in), hash = inspect_member(in, LAYOUT_SCHED_DSQ_HASH, sched), table = 0;
	struct collecting c = { .in = in, .list = json_array() };
	if (!has_scx(in))
		*why = no_scx();
	else
		add_cpu_queues(&c, sched);
	if (has_scx(in))
		add_global_queues(&c, sched);
	if (!hash)
		hash = view_symbol(in->view, "dsq_hash");
	/* Not set up before the first scheduler: its table is NULL. */
	if (hash && inspect_read(in, LAYOUT_HASH_TABLE, hash, &table) && table)
		walk_rhashtable(in->view, hash, DSQ_COUNT_MAX, add_user_queue, &c);
	return c.list;
}
