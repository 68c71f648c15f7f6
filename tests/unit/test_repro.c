/* SPDX-License-Identifier: GPL-2.0-only */
/* Second runs: which functions are recorded, and what chain of calls their records make. */
#include <string.h>

#include "base/json.h"
#include "kernel_image.h"
#include "monitor/repro.h"
#include "t.h"

#define TASK  0xffff888000001000u
#define OTHER 0xffff888000002000u
#define RQ    0xffff888000003000u

static struct kimage k;
static struct types *types;
static struct layout layout;
static struct kernel_image image;
static struct repro_plan plan;
static struct repro_trace trace;

/* --- a kernel's types --------------------------------------------------------------------------------------------- */

static struct {
	int u32, s32, u64, task, rq, task_pointer, rq_pointer, kind;
} id;

static void add_enum(struct btf *b, const char *name, const char *first, uint64_t value, const char *second,
		     uint64_t other)
{
	btf__add_enum(b, name, 4);
	btf__add_enum_value(b, first, (int64_t)value);
	btf__add_enum_value(b, second, (int64_t)other);
}

static void add_objects(struct btf *b)
{
	btf__add_struct(b, "scx_dispatch_q", 32);
	btf__add_field(b, "id", id.u64, 8 * 8, 0);
	int queue = btf__add_ptr(b, btf__find_by_name(b, "scx_dispatch_q"));
	btf__add_struct(b, "sched_ext_entity", 64);
	btf__add_field(b, "dsq", queue, 0, 0);
	btf__add_field(b, "flags", id.u32, 8 * 8, 0);
	btf__add_field(b, "slice", id.u64, 16 * 8, 0);
	btf__add_field(b, "dsq_vtime", id.u64, 24 * 8, 0);
	btf__add_field(b, "ddsp_dsq_id", id.u64, 32 * 8, 0);
	btf__add_field(b, "sticky_cpu", id.s32, 40 * 8, 0);
	id.task = btf__add_struct(b, "task_struct", 128);
	btf__add_field(b, "pid", id.s32, 4 * 8, 0);
	btf__add_field(b, "scx", btf__find_by_name(b, "sched_ext_entity"), 32 * 8, 0);
	id.rq = btf__add_struct(b, "rq", 64);
	btf__add_field(b, "cpu", id.s32, 0, 0);
	btf__add_field(b, "nr_running", id.u32, 4 * 8, 0);
	id.task_pointer = btf__add_ptr(b, id.task);
	id.rq_pointer = btf__add_ptr(b, id.rq);
}

static int add_prototype(struct btf *b, int first, const char *name, int second, const char *name2, int third)
{
	int proto = btf__add_func_proto(b, 0);
	btf__add_func_param(b, name, first);
	btf__add_func_param(b, name2, second);
	if (third)
		btf__add_func_param(b, "kind", third);
	return proto;
}

static void add_functions(struct btf *b)
{
	int dispatch = add_prototype(b, id.s32, "", id.task_pointer, "", 0);
	int dispatch_pointer = btf__add_ptr(b, dispatch);
	int enqueue_pointer = btf__add_ptr(b, add_prototype(b, id.task_pointer, "", id.u64, "", 0));
	btf__add_struct(b, "sched_ext_ops", 64);
	btf__add_field(b, "dispatch", dispatch_pointer, 8 * 8, 0);
	btf__add_field(b, "enqueue", enqueue_pointer, 16 * 8, 0);
	btf__add_func(b, "dispatch_stub", BTF_FUNC_STATIC, add_prototype(b, id.s32, "cpu", id.task_pointer, "prev", 0));
	btf__add_func(b, "sched_ext_ops__enqueue", BTF_FUNC_STATIC,
		      add_prototype(b, id.task_pointer, "p", id.u64, "enq_flags", 0));
	btf__add_func(b, "do_idle", BTF_FUNC_STATIC,
		      add_prototype(b, id.rq_pointer, "rq", id.task_pointer, "next", id.kind));
}

static void open_kernel(void)
{
	struct btf *b = btf__new_empty();
	uint32_t size;
	kimage_open(&k, &(struct kimage_layout){ 0 });
	id.u32 = btf__add_int(b, "u32", 4, 0);
	id.s32 = btf__add_int(b, "s32", 4, BTF_INT_SIGNED);
	id.u64 = btf__add_int(b, "u64", 8, 0);
	add_enum(b, "scx_ent_flags", "SCX_TASK_QUEUED", 1, "SCX_TASK_DEQD_FOR_SLEEP", 8);
	add_enum(b, "scx_enq_flags", "SCX_ENQ_WAKEUP", 1, "SCX_ENQ_HEAD", 16);
	add_enum(b, "scx_exit_kind", "SCX_EXIT_NONE", 0, "SCX_EXIT_ERROR", 1024);
	id.kind = btf__find_by_name(b, "scx_exit_kind");
	add_objects(b);
	add_functions(b);
	const void *raw = btf__raw_data(b, &size);
	t_ok(types_parse(raw, size, NULL, &types, NULL));
	btf__free(b);
	layout_init(&layout, types);
	image = (struct kernel_image){ .symbols = k.image.symbols, .types = types };
	t_ok(repro_trace_init(&trace));
}

static void close_kernel(void)
{
	repro_trace_done(&trace);
	types_close(types);
	kimage_close(&k);
}

/* --- dumps -------------------------------------------------------------------------------------------------------- */

static const char error_dump[] =
	"{'scx_exit': {'kind': 'ERROR_BPF', 'backtrace': ['do_idle+0x10/0x80', 'bpf_prog_0123_x_dispatch+0x4/0x9',"
	"'bpf_prog_77_helper+0x1/0x2', 'schedule+0x5/0x99', 'entry_SYSCALL_64+0x5/0x40', '0xffffffff00000000',"
	"'do_idle+0x20/0x80', 'no_such+0x1/0x2']},"
	"'prog_runtime_stats': [{'name': 'x'}, {'symbol': 'bpf_prog_0123_x_dispatch', 'op': 'dispatch'}]}";
static const char stall_dump[] =
	"{'scx_exit': {'kind': 'NONE'}, 'task_enrichments': ["
	"{'kva': '0xffff888000001000', 'sched_class': 'ext', 'waits_ms': 70},"
	"{'kva': '0xffff888000002000', 'sched_class': 'ext', 'waits_ms': 3000},"
	"{'kva': '0xffff888000003000', 'sched_class': 'fair', 'waits_ms': 9000}],"
	"'prog_runtime_stats': [{'op': 'enqueue'}, {'op': 'dispatch'}, {'op': 'enqueue'}, {'op': 'unknown'}]}";

static const char *make_plan(const char *text)
{
	char json[2048];
	snprintf(json, sizeof(json), "%s", text);
	for (char *c = json; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	json_auto_t *dump = json_loads(json, 0, NULL);
	ck_assert_ptr_nonnull(dump);
	return repro_plan_make(&plan, &image, &layout, dump);
}

/* --- which functions ---------------------------------------------------------------------------------------------- */

START_TEST(functions_of_a_backtrace_are_recorded)
{
	open_kernel();
	ck_assert_ptr_null(make_plan(error_dump));
	ck_assert_uint_eq(plan.functions, 3);
	ck_assert_str_eq(plan.function[0].name, "do_idle");
	ck_assert_uint_eq(plan.function[0].address, 0xffffffff81000100u);
	ck_assert_uint_eq(plan.function[0].params, 3);
	ck_assert_int_eq(plan.function[0].param[0].object, REPRO_RQ);
	ck_assert_int_eq(plan.function[0].param[1].object, REPRO_TASK);
	ck_assert_int_eq(plan.function[0].param[2].show, SHOW_ENUM);
	ck_assert_int_eq(plan.function[1].kind, REPRO_OP);
	ck_assert_str_eq(plan.function[1].name, "dispatch");
	ck_assert_str_eq(plan.function[1].param[0].name, "cpu");
	ck_assert_str_eq(plan.function[1].param[1].name, "prev");
	ck_assert_int_eq(plan.function[2].kind, REPRO_PROGRAM);
	ck_assert_uint_eq(plan.function[2].params, 0);
	/* Another function of that name, a generic one, and one without a symbol. */
	ck_assert_uint_eq(plan.drops, 3);
	ck_assert_str_eq(plan.dropped[0], "schedule");
	ck_assert_str_eq(plan.dropped[1], "entry_SYSCALL_64");
	ck_assert_str_eq(plan.dropped[2], "no_such");
	ck_assert_uint_eq(plan.task, 0);
	close_kernel();
}
END_TEST

START_TEST(operations_are_recorded_for_a_stall)
{
	open_kernel();
	ck_assert_ptr_null(make_plan(stall_dump));
	ck_assert_uint_eq(plan.task, OTHER);
	ck_assert_uint_eq(plan.functions, 2);
	ck_assert_str_eq(plan.function[0].name, "enqueue");
	ck_assert_int_eq(plan.function[0].param[1].show, SHOW_ENQUEUE_FLAGS);
	ck_assert_str_eq(plan.dropped[0], "unknown");
	close_kernel();
}
END_TEST

START_TEST(what_cannot_be_recorded_is_said)
{
	open_kernel();
	ck_assert_str_eq(make_plan("{}"), "the dump names no task that waits");
	ck_assert_str_eq(
		make_plan("{'scx_exit': {'kind': 'ERROR', 'backtrace': [5, '', '+', 'x', 'schedule+0x1/0x9']}}"),
		"no function of the backtrace can be recorded");
	ck_assert_str_eq(make_plan("{'task_enrichments': [{'kva': '0x1', 'sched_class': 'ext', 'waits_ms': 5}]}"),
			 "the scheduler has no operations that can be recorded");
	close_kernel();
}
END_TEST

START_TEST(hooks_read_the_current_task_and_fields)
{
	open_kernel();
	ck_assert_ptr_null(make_plan(error_dump));
	struct observe_hook hook = repro_hook(&plan, 0, 0xffffffff81000100u, 70);
	ck_assert_uint_eq(hook.id, 70);
	ck_assert_int_eq(hook.kind, OBSERVE_RECORD);
	ck_assert_uint_eq(hook.read[0].base, OBSERVE_PER_CPU);
	/* rq->cpu, next->pid, rq->nr_running, next->scx.flags, next->scx.dsq->id, next->scx.slice ... */
	ck_assert_uint_eq(hook.read[1].base, OBSERVE_ARGUMENT);
	ck_assert_uint_eq(hook.read[2].base, OBSERVE_ARGUMENT + 1);
	ck_assert_uint_eq(hook.read[2].offset[0], 4);
	ck_assert_uint_eq(hook.read[3].offset[0], 4);
	ck_assert_uint_eq(hook.read[4].offset[0], 40);
	ck_assert_uint_eq(hook.read[5].hops, 2);
	ck_assert_uint_eq(hook.read[5].offset[0], 32);
	ck_assert_uint_eq(hook.read[5].offset[1], 8);
	ck_assert_uint_eq(hook.read[6].size, 8);
	/* A function without known arguments: only the task. */
	hook = repro_hook(&plan, 2, 0xffffffffc0000000u, 72);
	ck_assert_uint_eq(hook.read[0].base, OBSERVE_PER_CPU);
	ck_assert_uint_eq(hook.read[1].base, OBSERVE_NO_READ);
	close_kernel();
}
END_TEST

/* --- the chain ---------------------------------------------------------------------------------------------------- */

/* Fields of do_idle(): rq.cpu, pid, nr_running, flags, dsq, slice, vtime, ddsp, sticky. */
static void call_idle(uint64_t ns, uint64_t task, uint64_t pid, uint64_t flags, uint64_t slice, bool in_queue)
{
	struct observe_record r = { .guest_ns = ns,
				    .vcpu = 1,
				    .argument = { RQ, task, 1024 },
				    .value = { task, 1, pid, 2, flags, 5, slice, 100, (uint64_t)1 << 63 | 2,
					       0xffffffff },
				    .missed = in_queue ? 0 : 1 << 5 };
	repro_trace_add(&trace, &plan, 0, &r);
}

/* Fields of dispatch(): pid, flags, dsq, slice, vtime; the others cannot be read. */
static void call_dispatch(uint64_t ns, unsigned cpu, uint64_t task, uint64_t pid, uint64_t current)
{
	struct observe_record r = { .guest_ns = ns,
				    .vcpu = cpu,
				    .argument = { cpu, task },
				    .value = { current, pid, 1, 5, 20, 100 },
				    .missed = UINT64_MAX << 6 };
	repro_trace_add(&trace, &plan, 1, &r);
}

static void name_tasks(void)
{
	static const struct repro_task tasks[] = { { TASK, 7, "worker" }, { OTHER, 8, "other" } };
	trace.task = malloc(sizeof(tasks));
	memcpy(trace.task, tasks, sizeof(tasks));
	trace.tasks = ARRAY_SIZE(tasks);
}

static json_t *chain(void)
{
	json_t *json = json_object();
	repro_chain(&plan, &trace, &json);
	ck_assert_ptr_nonnull(json);
	return json;
}

static const char *text_of(json_t *json)
{
	static struct buf text;
	buf_clear(&text);
	repro_text(json, &text);
	json_decref(json);
	return buf_str(&text);
}

START_TEST(calls_of_the_task_at_fault_make_a_chain)
{
	open_kernel();
	ck_assert_ptr_null(make_plan(error_dump));
	name_tasks();
	call_dispatch(1000000, 0, OTHER, 8, OTHER);
	call_dispatch(2000000, 1, TASK, 7, TASK);
	call_dispatch(2500000, 0, OTHER, 8, OTHER);
	call_idle(3000000, TASK, 7, 9, 20, false);
	trace.until_ns = 3000000;
	call_dispatch(4000000, 1, TASK, 7, TASK);
	ck_assert_str_eq(
		text_of(chain()),
		"  watched: do_idle, dispatch, bpf_prog_77_helper\n"
		"  not watched: schedule, entry_SYSCALL_64, no_such\n"
		"  what concerns worker[7], up to the end:\n"
		"       -1.000 ms  CPU 1   ops.dispatch(cpu 1, prev worker[7])\n"
		"                          prev: scx.flags QUEUED, scx.dsq 0x5, scx.slice 20, scx.dsq_vtime 100, "
		"scx.ddsp_dsq_id ?, scx.sticky_cpu ?\n"
		"       +0.000 ms  CPU 1   do_idle(rq of CPU 1, next worker[7], kind SCX_EXIT_ERROR)\n"
		"                          rq: nr_running 2\n"
		"                          next: scx.flags QUEUED -> QUEUED|DEQD_FOR_SLEEP, scx.dsq 0x5 -> none, "
		"scx.ddsp_dsq_id ? -> LOCAL, scx.sticky_cpu ? -> -1\n");
	close_kernel();
}
END_TEST

START_TEST(a_stall_ends_with_the_wait)
{
	struct observe_record r = { .guest_ns = 5000000, .argument = { OTHER, 17 }, .value = { TASK, 8 } };
	open_kernel();
	ck_assert_ptr_null(make_plan(stall_dump));
	repro_trace_add(&trace, &plan, 0, &r);
	trace.until_ns = 3005000000;
	const char *text = text_of(chain());
	ck_assert_ptr_nonnull(strstr(text, "what concerns 0xffff888000002000"));
	ck_assert_ptr_nonnull(
		strstr(text, "ops.enqueue(p ?[8], enq_flags WAKEUP|HEAD)  while 0xffff888000001000 ran\n"));
	ck_assert_ptr_nonnull(strstr(text, "  +3000.000 ms  0xffff888000002000 still waits\n"));
	close_kernel();
}
END_TEST

/* vCPUs have clocks of their own. */
START_TEST(records_out_of_order_are_sorted)
{
	open_kernel();
	ck_assert_ptr_null(make_plan(error_dump));
	name_tasks();
	call_idle(3000, TASK, 7, 1, 20, true);
	call_dispatch(2000, 0, TASK, 7, OTHER);
	json_auto_t *json = chain();
	json_t *calls = json_object_get(json, "calls");
	ck_assert_uint_eq(json_array_size(calls), 2);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(calls, 0), "function")), "dispatch");
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(calls, 0), "at_ns")), -1000);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(calls, 0), "current")), "other[8]");
	close_kernel();
}
END_TEST

/* More calls than are kept: the latest are, and how many came before is said. */
START_TEST(the_latest_calls_are_kept)
{
	open_kernel();
	ck_assert_ptr_null(make_plan(error_dump));
	for (unsigned i = 0; i < REPRO_EVENTS_MAX + 100; i++)
		call_dispatch(1000 + i, 1, TASK, 7, TASK);
	json_auto_t *json = chain();
	ck_assert_uint_eq(json_array_size(json_object_get(json, "calls")), REPRO_SHOWN_MAX);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "earlier")), REPRO_EVENTS_MAX - REPRO_SHOWN_MAX);
	ck_assert_int_eq(json_integer_value(json_object_get(json, "recorded")), REPRO_EVENTS_MAX + 100);
	ck_assert_ptr_nonnull(strstr(text_of(json_incref(json)), "... (8176 earlier calls)"));
	close_kernel();
}
END_TEST

/* Records are of another process: whatever they say, there is a chain. */
START_TEST(odd_records_do_no_harm)
{
	struct observe_record r = { .guest_ns = 5, .missed = UINT64_MAX, .vcpu = 200 };
	open_kernel();
	ck_assert_ptr_null(make_plan(error_dump));
	memset(r.argument, 0xff, sizeof(r.argument));
	memset(r.value, 0xff, sizeof(r.value));
	repro_trace_add(&trace, &plan, 99, &r);
	ck_assert_uint_eq(trace.count, 0);
	repro_trace_add(&trace, &plan, 0, &r);
	ck_assert_uint_eq(trace.count, 1);
	ck_assert_ptr_nonnull(strstr(text_of(chain()), "no call of these concerns the task at fault"));
	call_idle(10, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, true);
	ck_assert_ptr_nonnull(strstr(text_of(chain()), "do_idle(rq of CPU 1, next "));
	close_kernel();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, functions_of_a_backtrace_are_recorded);
	tcase_add_test(tc, operations_are_recorded_for_a_stall);
	tcase_add_test(tc, what_cannot_be_recorded_is_said);
	tcase_add_test(tc, hooks_read_the_current_task_and_fields);
	tcase_add_test(tc, calls_of_the_task_at_fault_make_a_chain);
	tcase_add_test(tc, a_stall_ends_with_the_wait);
	tcase_add_test(tc, records_out_of_order_are_sorted);
	tcase_add_test(tc, the_latest_calls_are_kept);
	tcase_add_test(tc, odd_records_do_no_harm);
}

int main(void)
{
	return t_main("repro", fill);
}
