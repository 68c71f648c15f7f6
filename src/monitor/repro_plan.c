/* SPDX-License-Identifier: GPL-2.0-only */
/* repro_plan.c -- which functions are recorded, and what is read at each: see repro.h. */
#include <string.h>

#include "monitor/repro_fields.h"

#define CHAIN_MAX   32 /* modifiers of a type */
#define WAIT_MIN_MS 1

/* --- fields ------------------------------------------------------------------------------------------------------- */

const struct repro_row repro_rows[] = {
	{ REPRO_TASK, "pid", "task_struct", "pid", NULL, NULL, SHOW_NUMBER, true },
	{ REPRO_TASK, "scx.flags", "task_struct", "scx.flags", NULL, NULL, SHOW_TASK_FLAGS, false },
	{ REPRO_TASK, "scx.dsq", "task_struct", "scx.dsq", "scx_dispatch_q", "id", SHOW_QUEUE_ID, false },
	{ REPRO_TASK, "scx.slice", "task_struct", "scx.slice", NULL, NULL, SHOW_NUMBER, false },
	{ REPRO_TASK, "scx.dsq_vtime", "task_struct", "scx.dsq_vtime", NULL, NULL, SHOW_NUMBER, false },
	{ REPRO_TASK, "scx.ddsp_dsq_id", "task_struct", "scx.ddsp_dsq_id", NULL, NULL, SHOW_QUEUE_ID, false },
	{ REPRO_TASK, "cpu", "task_struct", "thread_info.cpu", NULL, NULL, SHOW_NUMBER, false },
	{ REPRO_TASK, "cpus_ptr", "task_struct", "cpus_ptr", "cpumask", "bits[0]", SHOW_CPUS, false },
	{ REPRO_TASK, "scx.sticky_cpu", "task_struct", "scx.sticky_cpu", NULL, NULL, SHOW_NUMBER, false },
	{ REPRO_RQ, "cpu", "rq", "cpu", NULL, NULL, SHOW_NUMBER, true },
	{ REPRO_RQ, "nr_running", "rq", "nr_running", NULL, NULL, SHOW_NUMBER, false },
	{ REPRO_RQ, "scx.local_dsq.nr", "rq", "scx.local_dsq.nr", NULL, NULL, SHOW_NUMBER, false },
	{ REPRO_RQ, "scx.flags", "rq", "scx.flags", NULL, NULL, SHOW_RQ_FLAGS, false },
	{ REPRO_QUEUE, "id", "scx_dispatch_q", "id", NULL, NULL, SHOW_QUEUE_ID, true },
	{ REPRO_QUEUE, "nr", "scx_dispatch_q", "nr", NULL, NULL, SHOW_NUMBER, false },
	{ REPRO_QUEUE, "seq", "scx_dispatch_q", "seq", NULL, NULL, SHOW_NUMBER, false },
	{ REPRO_MASK, "bits", "cpumask", "bits[0]", NULL, NULL, SHOW_CPUS, false },
};
const unsigned repro_row_count = ARRAY_SIZE(repro_rows);

static bool is_readable(struct field f)
{
	return field_present(f) && (f.size == 1 || f.size == 2 || f.size == 4 || f.size == 8);
}

bool repro_row_field(const struct types *types, const struct repro_row *row, struct field *first, struct field *last)
{
	*first = *last = types_field(types, row->structure, row->path);
	if (row->behind)
		*last = types_field(types, row->behind, row->behind_path);
	return is_readable(*first) && is_readable(*last) && (!row->behind || first->size == sizeof(uint64_t));
}

/* The @rank-th row of the object that this kernel has; -1: there are no more. */
static int row_of(const struct types *types, enum repro_object object, unsigned rank)
{
	for (unsigned i = 0; object && i < repro_row_count; i++) {
		struct field first, last;
		if (repro_rows[i].object == object && repro_row_field(types, &repro_rows[i], &first, &last) && !rank--)
			return (int)i;
	}
	return -1;
}

/* Each object's most telling field first, then each one's second, until the records are full. */
static void choose_fields(const struct types *types, struct repro_function *f)
{
	bool more = true;
	for (unsigned rank = 0; more; rank++) {
		more = false;
		for (unsigned i = 0; i < f->params; i++) {
			int row = row_of(types, f->param[i].object, rank);
			if (row < 0 || f->fields == REPRO_FIELDS_MAX)
				continue;
			f->field[f->fields++] = (struct repro_field){ .param = (uint8_t)i, .row = (uint8_t)row };
			more = true;
		}
	}
}

/* --- arguments ---------------------------------------------------------------------------------------------------- */

static const struct btf_type *strip(const struct btf *btf, uint32_t id, uint32_t *ret)
{
	for (unsigned i = 0; id && i < CHAIN_MAX; i++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		*ret = id;
		if (!t || !(btf_is_mod(t) || btf_is_typedef(t)))
			return t;
		id = t->type;
	}
	return NULL;
}

static const struct {
	const char *structure;
	enum repro_object object;
} objects[] = {
	{ "task_struct", REPRO_TASK },
	{ "rq", REPRO_RQ },
	{ "scx_dispatch_q", REPRO_QUEUE },
	{ "cpumask", REPRO_MASK },
};

static void describe_pointer(const struct btf *btf, const struct btf_type *t, struct repro_param *p)
{
	uint32_t id;
	const struct btf_type *to = strip(btf, t->type, &id);
	const char *name = to ? btf__name_by_offset(btf, to->name_off) : NULL;
	p->show = SHOW_ADDRESS;
	p->value = (struct field){ .size = 8, .type = 1 };
	for (size_t i = 0; name && btf_is_composite(to) && i < ARRAY_SIZE(objects); i++)
		if (!strcmp(name, objects[i].structure))
			p->object = objects[i].object;
}

static enum repro_show show_of(const struct btf_type *t, const char *name)
{
	if (btf_is_any_enum(t))
		return SHOW_ENUM;
	if (btf_is_int(t) && (btf_int_encoding(t) & BTF_INT_BOOL))
		return SHOW_BOOL;
	if (!strcmp(name, "enq_flags"))
		return SHOW_ENQUEUE_FLAGS;
	if (!strcmp(name, "wake_flags"))
		return SHOW_WAKE_FLAGS;
	return !strcmp(name, "dsq_id") ? SHOW_QUEUE_ID : SHOW_NUMBER;
}

/* False: it is not passed in one register, so those behind it may not be in theirs either. */
static bool describe_param(const struct btf *btf, const struct btf_param *from, const char *name, struct repro_param *p)
{
	uint32_t id = 0;
	const struct btf_type *t = strip(btf, from->type, &id);
	*p = (struct repro_param){ .type = id };
	snprintf(p->name, sizeof(p->name), "%s", name);
	if (!t)
		return false;
	if (btf_is_ptr(t)) {
		describe_pointer(btf, t, p);
		return true;
	}
	if ((!btf_is_int(t) && !btf_is_any_enum(t)) || t->size > sizeof(uint64_t) || !t->size)
		return false;
	bool is_signed = btf_is_int(t) ? btf_int_encoding(t) & BTF_INT_SIGNED : btf_kflag(t);
	p->show = show_of(t, p->name);
	p->value = (struct field){ .size = t->size, .is_signed = is_signed, .type = id };
	return true;
}

static const struct btf_type *prototype_of(const struct btf *btf, const char *function)
{
	int id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
	const struct btf_type *f = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL,
			      *proto = f ? btf__type_by_id(btf, f->type) : NULL;
	return proto && btf_is_func_proto(proto) ? proto : NULL;
}

/* @names: a prototype whose parameters have names, for one whose parameters have none. NULL: there is none. */
static void describe_params(const struct types *types, const struct btf_type *proto, const struct btf_type *names,
			    struct repro_function *f)
{
	const struct btf *btf = types_btf(types);
	for (unsigned i = 0; proto && i < btf_vlen(proto) && i < OBSERVE_ARGUMENTS; i++) {
		char number[16];
		const struct btf_param *from = btf_params(proto) + i, *named = from;
		if (names && i < btf_vlen(names))
			named = btf_params(names) + i;
		const char *name = btf__name_by_offset(btf, named->name_off);
		snprintf(number, sizeof(number), "arg%u", i + 1);
		if (!describe_param(btf, from, name && *name ? name : number, &f->param[f->params]))
			break;
		f->params++;
	}
	choose_fields(types, f);
}

/* Types of an operation's arguments are in struct sched_ext_ops; their names, in the kernel's empty operations. */
static bool describe_op(const struct types *types, struct repro_function *f)
{
	const struct btf *btf = types_btf(types);
	const struct field member = types_field(types, "sched_ext_ops", f->name);
	const struct btf_type *pointer = field_present(member) ? btf__type_by_id(btf, member.type) : NULL,
			      *names = NULL;
	uint32_t id;
	if (!pointer || !btf_is_ptr(pointer))
		return false;
	const struct btf_type *proto = strip(btf, pointer->type, &id);
	if (!proto || !btf_is_func_proto(proto))
		return false;
	for (unsigned i = 0; i < 2 && !names; i++) {
		char function[REPRO_NAME_MAX + 32];
		snprintf(function, sizeof(function), "%s%s%s", i ? "" : "sched_ext_ops__", f->name, i ? "_stub" : "");
		names = prototype_of(btf, function);
	}
	describe_params(types, proto, names, f);
	return true;
}

/* --- functions ---------------------------------------------------------------------------------------------------- */

/* Every kernel stack has these below; they say nothing about a scheduler. */
static bool is_generic(const char *name)
{
	static const char *const prefixes[] = { "asm_",
						"entry_",
						"irqentry_",
						"do_syscall_",
						"syscall_",
						"x64_sys_",
						"__x64_sys_",
						"ret_from_fork",
						"common_startup",
						"secondary_startup",
						"start_secondary",
						"cpu_startup",
						"sysvec_",
						"__sysvec_",
						"irq_exit",
						"__irq_exit",
						"handle_softirqs",
						"kthread",
						"worker_thread",
						"bpf__sched_ext_ops_",
						"bpf_trampoline_" };
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static bool is_planned(const struct repro_plan *p, enum repro_kind kind, const char *name)
{
	for (unsigned i = 0; i < p->functions; i++)
		if (p->function[i].kind == kind && !strcmp(p->function[i].name, name))
			return true;
	return false;
}

static void drop(struct repro_plan *p, const char *name)
{
	if (p->drops < REPRO_DROPPED_MAX)
		snprintf(p->dropped[p->drops++], REPRO_NAME_MAX, "%s", name);
}

static struct repro_function *add_function(struct repro_plan *p, enum repro_kind kind, const char *name)
{
	if (p->functions == REPRO_FUNCTIONS_MAX)
		return NULL;
	struct repro_function *f = &p->function[p->functions++];
	*f = (struct repro_function){ .kind = kind };
	snprintf(f->name, sizeof(f->name), "%s", name);
	return f;
}

/* Of functions with one name, the frame's size says whether ours is meant. */
static uint64_t address_of(const struct repro_plan *p, const char *name, const char *frame)
{
	const char *slash = strchr(frame, '/');
	bool other = slash && strtoull(slash + 1, NULL, 16) != symbols_size(p->image->symbols, name);
	return other ? 0 : symbols_find(p->image->symbols, name);
}

static void add_kernel_function(struct repro_plan *p, const char *name, const char *frame)
{
	uint64_t address = address_of(p, name, frame);
	struct repro_function *f;
	if (is_planned(p, REPRO_KERNEL, name))
		return;
	f = address && !is_generic(name) ? add_function(p, REPRO_KERNEL, name) : NULL;
	if (!f) {
		drop(p, name);
		return;
	}
	f->address = address;
	describe_params(p->image->types, prototype_of(types_btf(p->image->types), name), NULL, f);
}

static void add_op(struct repro_plan *p, const char *op)
{
	if (is_planned(p, REPRO_OP, op))
		return;
	struct repro_function *f = add_function(p, REPRO_OP, op);
	if (f && describe_op(p->image->types, f))
		return;
	p->functions -= f != NULL;
	drop(p, op);
}

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

/* Which operation of the scheduler the program is that has this symbol; NULL: none. */
static const char *op_of(const json_t *dump, const char *symbol)
{
	size_t i;
	json_t *program;
	json_array_foreach(json_object_get(dump, "prog_runtime_stats"), i, program)
		if (!strcmp(text_at(program, "symbol"), symbol) && *text_at(program, "op"))
			return text_at(program, "op");
	return NULL;
}

static void add_frame(struct repro_plan *p, const json_t *dump, const char *frame)
{
	char name[REPRO_NAME_MAX];
	size_t len = strcspn(frame, "+ ");
	if (!len || len >= sizeof(name) || frame[len] != '+')
		return;
	snprintf(name, sizeof(name), "%.*s", (int)len, frame);
	if (strncmp(name, "bpf_prog_", 9) != 0) {
		add_kernel_function(p, name, frame);
		return;
	}
	const char *op = op_of(dump, name);
	if (op)
		add_op(p, op);
	else if (!is_planned(p, REPRO_PROGRAM, name) && !add_function(p, REPRO_PROGRAM, name))
		drop(p, name);
}

static void add_backtrace(struct repro_plan *p, const json_t *dump)
{
	size_t i;
	json_t *frame;
	json_array_foreach(json_object_get(json_object_get(dump, "scx_exit"), "backtrace"), i, frame)
		if (json_string_value(frame))
			add_frame(p, dump, json_string_value(frame));
}

static void add_all_ops(struct repro_plan *p, const json_t *dump)
{
	size_t i;
	json_t *program;
	json_array_foreach(json_object_get(dump, "prog_runtime_stats"), i, program)
		if (*text_at(program, "op"))
			add_op(p, text_at(program, "op"));
}

/* With these, operations put tasks into queues; their arguments say into which. */
static void add_insertions(struct repro_plan *p)
{
	static const char *const names[] = { "scx_bpf_dispatch",	"scx_bpf_dispatch_vtime",
					     "scx_bpf_dsq_insert",	"scx_bpf_dsq_insert_vtime",
					     "scx_bpf_dsq_insert___v2", "__scx_bpf_dsq_insert_vtime" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (symbols_find(p->image->symbols, names[i]))
			add_kernel_function(p, names[i], names[i]);
}

/* --- the plan ----------------------------------------------------------------------------------------------------- */

static uint64_t longest_waiting(const json_t *dump)
{
	size_t i;
	json_t *task;
	json_int_t longest = WAIT_MIN_MS;
	uint64_t found = 0;
	json_array_foreach(json_object_get(dump, "task_enrichments"), i, task) {
		json_int_t waits = json_integer_value(json_object_get(task, "waits_ms"));
		if (waits < longest || strcmp(text_at(task, "sched_class"), "ext") != 0)
			continue;
		longest = waits;
		found = strtoull(text_at(task, "kva"), NULL, 16);
	}
	return found;
}

static uint64_t current_offset(const struct kernel_image *image)
{
	uint64_t at;
	struct field f = types_field(image->types, "pcpu_hot", "current_task");
	if (field_present(f) && symbols_look_up(image->symbols, "pcpu_hot", &at))
		return at + f.offset;
	return symbols_look_up(image->symbols, "current_task", &at) ? at : 0;
}

const char *repro_plan_make(struct repro_plan *p, const struct kernel_image *image, const struct layout *layout,
			    const json_t *dump)
{
	const json_t *end = json_object_get(dump, "scx_exit");
	const char *kind = text_at(end, "kind");
	*p = (struct repro_plan){ .image = image, .layout = layout, .current = current_offset(image) };
	if (!p->current)
		return "this kernel does not say which task runs on a CPU";
	/* The backtrace of a stall is that of the kernel's watchdog. */
	if (*kind && strcmp(kind, "NONE") != 0 && strcmp(kind, "ERROR_STALL") != 0) {
		add_backtrace(p, dump);
		return p->functions ? NULL : "no function of the backtrace can be recorded";
	}
	p->task = longest_waiting(dump);
	if (!p->task)
		return "the dump names no task that waits";
	add_all_ops(p, dump);
	if (p->functions)
		add_insertions(p);
	return p->functions ? NULL : "the scheduler has no operations that can be recorded";
}

/* --- hooks -------------------------------------------------------------------------------------------------------- */

static struct observe_read read_of(const struct repro_plan *p, const struct repro_field *field)
{
	const struct repro_row *row = &repro_rows[field->row];
	struct field first, last;
	repro_row_field(p->image->types, row, &first, &last);
	struct observe_read read = { .base = (uint8_t)(OBSERVE_ARGUMENT + field->param),
				     .size = (uint8_t)last.size,
				     .hops = 1,
				     .offset = { first.offset } };
	if (row->behind)
		read.offset[read.hops++] = last.offset;
	return read;
}

struct observe_hook repro_hook(const struct repro_plan *p, unsigned function, uint64_t address, uint32_t id)
{
	const struct repro_function *f = &p->function[function];
	struct observe_hook hook = { .address = address, .id = id, .kind = OBSERVE_RECORD };
	hook.read[0] = (struct observe_read){ .base = OBSERVE_PER_CPU, .size = 8, .hops = 1, .offset = { p->current } };
	for (unsigned i = 0; i < f->fields; i++)
		hook.read[1 + i] = read_of(p, &f->field[i]);
	return hook;
}

uint64_t repro_find(struct inspector *in, const struct repro_function *f, uint64_t ops)
{
	uint64_t address = 0;
	if (f->kind == REPRO_OP)
		view_read_field(in->view, ops, types_field(in->view->image->types, "sched_ext_ops", f->name), &address);
	for (unsigned i = 0; f->kind == REPRO_PROGRAM && i < in->code_count; i++)
		if (!strcmp(in->code[i].name, f->name))
			address = in->code[i].start;
	return address;
}
