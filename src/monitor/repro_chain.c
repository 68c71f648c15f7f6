/* SPDX-License-Identifier: GPL-2.0-only */
/* repro_chain.c -- from recorded calls to the chain of those that concern the task at fault: see repro.h. */
#include <inttypes.h>
#include <string.h>

#include "monitor/render.h"
#include "monitor/repro_fields.h"
#include "monitor/tasks.h"

#define VALUES_MAX    512 /* fields whose latest value is remembered */
#define TEXT_MAX      256
#define FIELDS_INDENT 26
#define TEXT_CALLS    16 /* most calls in the text; the JSON has more */

struct seen {
	uint64_t object;
	unsigned row;
	char text[TEXT_MAX];
};

struct chain {
	const struct repro_plan *plan;
	const struct repro_trace *trace;
	uint64_t task, last_ns; /* at fault; the time of the latest call */
	const struct repro_event **event;
	unsigned events;
	struct seen *seen;
	unsigned seen_count;
};

/* --- values as text ----------------------------------------------------------------------------------------------- */

static void flags_text(const struct chain *c, enum layout_enum e, uint64_t value, uint64_t without, char *out)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	layout_flags(c->plan->layout, e, value & ~without, &text);
	snprintf(out, TEXT_MAX, "%s", text.len ? buf_str(&text) : "0");
}

static void task_flags_text(const struct chain *c, uint64_t value, char *out)
{
	const struct layout *l = c->plan->layout;
	flags_text(c, LAYOUT_ENUM_TASK_FLAGS, value, layout_value(l, LAYOUT_ENUM_TASK_FLAGS, "STATE_MASK", 0x300), out);
}

static void cpus_text(uint64_t value, char *out)
{
	json_auto_t *list = render_cpu_list(&value, sizeof(value));
	const char *text = json_string_value(list);
	snprintf(out, TEXT_MAX, "0x%" PRIx64 "(%s)", value, text ? text : "?");
}

static void enum_text(const struct chain *c, uint32_t type, uint64_t value, char *out)
{
	const struct btf *btf = types_btf(c->plan->image->types);
	const struct btf_type *t = btf__type_by_id(btf, type);
	const char *name = NULL;
	for (unsigned i = 0; t && btf_is_any_enum(t) && !name && i < btf_vlen(t); i++) {
		if (btf_is_enum(t) && (uint32_t)btf_enum(t)[i].val == (uint32_t)value)
			name = btf__name_by_offset(btf, btf_enum(t)[i].name_off);
		else if (btf_is_enum64(t) && btf_enum64_value(&btf_enum64(t)[i]) == value)
			name = btf__name_by_offset(btf, btf_enum64(t)[i].name_off);
	}
	if (name && *name)
		snprintf(out, TEXT_MAX, "%s", name);
	else
		snprintf(out, TEXT_MAX, "%" PRId64, (int64_t)value);
}

static void value_text(const struct chain *c, enum repro_show show, uint32_t type, struct field f, uint64_t raw,
		       char *out)
{
	uint64_t value = f.size ? field_value(f, raw) : raw;
	switch (show) {
	case SHOW_BOOL:
		snprintf(out, TEXT_MAX, "%s", value & 0xff ? "true" : "false");
		return;
	case SHOW_ADDRESS:
		snprintf(out, TEXT_MAX, value ? "0x%" PRIx64 : "NULL", value);
		return;
	case SHOW_ENUM:
		enum_text(c, type, value, out);
		return;
	case SHOW_ENQUEUE_FLAGS:
		flags_text(c, LAYOUT_ENUM_ENQ_FLAGS, value, 0, out);
		return;
	case SHOW_WAKE_FLAGS:
		flags_text(c, LAYOUT_ENUM_WAKE_FLAGS, value, 0, out);
		return;
	case SHOW_TASK_FLAGS:
		task_flags_text(c, value, out);
		return;
	case SHOW_RQ_FLAGS:
		flags_text(c, LAYOUT_ENUM_RQ_FLAGS, value, 0, out);
		return;
	case SHOW_QUEUE_ID:
		dsq_id_text(value, out, TEXT_MAX);
		return;
	case SHOW_CPUS:
		cpus_text(value, out);
		return;
	case SHOW_NUMBER:
		break;
	}
	snprintf(out, TEXT_MAX, f.is_signed ? "%" PRId64 : "%" PRIu64, value);
}

/* --- tasks and other objects -------------------------------------------------------------------------------------- */

/* @pid: as it was at the call; -1: not known. A task that has ended since then has lost its name. */
static void task_text(const struct chain *c, uint64_t task, int64_t pid, char *out)
{
	for (unsigned i = 0; i < c->trace->tasks; i++) {
		const struct repro_task *t = &c->trace->task[i];
		if (t->task != task || (pid >= 0 && pid != t->pid))
			continue;
		snprintf(out, TEXT_MAX, "%s[%" PRId64 "]", t->comm, t->pid);
		return;
	}
	if (pid >= 0)
		snprintf(out, TEXT_MAX, "?[%" PRId64 "]", pid);
	else
		snprintf(out, TEXT_MAX, task ? "0x%" PRIx64 : "NULL", task);
}

/* The hidden field by which an object is named. False: it was not read. */
static bool name_of(const struct chain *c, const struct repro_event *e, unsigned param, enum repro_show *show,
		    struct field *ret, uint64_t *raw)
{
	const struct repro_function *f = &c->plan->function[e->function];
	for (unsigned i = 0; i < f->fields; i++) {
		const struct repro_row *row = &repro_rows[f->field[i].row];
		struct field first;
		if (f->field[i].param != param || !row->hidden || e->missed & 1u << i)
			continue;
		*show = row->show;
		*raw = e->field[i];
		return repro_row_field(c->plan->image->types, row, &first, ret);
	}
	return false;
}

static void argument_text(const struct chain *c, const struct repro_event *e, unsigned i, char *out)
{
	const struct repro_param *p = &c->plan->function[e->function].param[i];
	char name[TEXT_MAX] = "";
	enum repro_show show;
	struct field field;
	uint64_t raw;
	bool named = e->argument[i] && p->object && name_of(c, e, i, &show, &field, &raw);
	if (named)
		value_text(c, show, 0, field, raw, name);
	if (e->argument[i] && p->object == REPRO_TASK)
		task_text(c, e->argument[i], named ? (int64_t)field_value(field, raw) : -1, out);
	else if (named && p->object == REPRO_RQ)
		snprintf(out, TEXT_MAX, "of CPU %.100s", name);
	else if (named && p->object == REPRO_QUEUE)
		snprintf(out, TEXT_MAX, "DSQ %.100s", name);
	else
		value_text(c, p->show, p->type, p->value, e->argument[i], out);
}

/* --- which calls -------------------------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const struct repro_event *x = *(const struct repro_event *const *)a, *y = *(const struct repro_event *const *)b;
	if (x->guest_ns != y->guest_ns)
		return x->guest_ns < y->guest_ns ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

/* A function with tasks among its arguments concerns these; another one, the task that ran. */
static bool concerns(const struct repro_plan *p, const struct repro_event *e, uint64_t task)
{
	const struct repro_function *f = &p->function[e->function];
	bool has_task = false;
	for (unsigned i = 0; i < f->params; i++) {
		if (f->param[i].object != REPRO_TASK)
			continue;
		if (e->argument[i] == task)
			return true;
		has_task = true;
	}
	return !has_task && e->current == task;
}

static bool is_kept(const struct chain *c, const struct repro_event *e)
{
	return e->guest_ns <= c->trace->until_ns && e->function < c->plan->functions;
}

/* The task that ran when the innermost function was called last. */
static const struct repro_event *find_trigger(const struct chain *c)
{
	for (unsigned f = 0; f < c->plan->functions; f++) {
		for (unsigned i = c->events; i-- > 0;)
			if (c->event[i]->function == f && c->event[i]->current)
				return c->event[i];
	}
	return NULL;
}

static int collect(struct chain *c)
{
	uint64_t kept = MIN_OF(c->trace->count, (uint64_t)REPRO_EVENTS_MAX);
	c->event = calloc(kept + 1, sizeof(*c->event));
	c->seen = calloc(VALUES_MAX, sizeof(*c->seen));
	if (!c->event || !c->seen)
		return -ENOMEM;
	for (uint64_t i = 0; i < kept; i++)
		if (is_kept(c, &c->trace->event[i]))
			c->event[c->events++] = &c->trace->event[i];
	qsort(c->event, c->events, sizeof(*c->event), by_time);
	return 0;
}

/* Leaves only calls up to the trigger that concern the task. */
static void stitch(struct chain *c)
{
	const struct repro_event *trigger = c->plan->task ? NULL : find_trigger(c);
	unsigned kept = 0;
	c->task = trigger ? trigger->current : c->plan->task;
	for (unsigned i = 0; i < c->events; i++) {
		bool late = trigger && by_time(&c->event[i], &trigger) > 0;
		if (!late && c->task && concerns(c->plan, c->event[i], c->task))
			c->event[kept++] = c->event[i];
	}
	c->events = kept;
	if (kept)
		c->last_ns = c->event[kept - 1]->guest_ns;
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

/* The latest value of this field of this object; NULL: there is no room for it. "": none yet. */
static struct seen *remember(struct chain *c, uint64_t object, unsigned row)
{
	for (unsigned i = 0; i < c->seen_count; i++)
		if (c->seen[i].object == object && c->seen[i].row == row)
			return &c->seen[i];
	if (c->seen_count == VALUES_MAX)
		return NULL;
	c->seen[c->seen_count] = (struct seen){ .object = object, .row = row };
	return &c->seen[c->seen_count++];
}

static void field_text(const struct chain *c, const struct repro_event *e, unsigned i, char *out)
{
	const struct repro_row *row = &repro_rows[c->plan->function[e->function].field[i].row];
	struct field first, last;
	repro_row_field(c->plan->image->types, row, &first, &last);
	if (e->missed & 1u << i)
		snprintf(out, TEXT_MAX, row->behind ? "none" : "?");
	else
		value_text(c, row->show, 0, last, e->field[i], out);
}

/* Fields that were not there before, or have changed since. */
static json_t *fields_json(struct chain *c, const struct repro_event *e)
{
	const struct repro_function *f = &c->plan->function[e->function];
	json_t *list = json_array();
	for (unsigned i = 0; i < f->fields; i++) {
		const struct repro_field *field = &f->field[i];
		char text[TEXT_MAX];
		struct seen *seen = repro_rows[field->row].hidden || !e->argument[field->param]
					    ? NULL
					    : remember(c, e->argument[field->param], field->row);
		if (!seen)
			continue;
		field_text(c, e, i, text);
		if (!strcmp(seen->text, text))
			continue;
		json_t *json = json_object();
		json_put_text(&json, "of", f->param[field->param].name);
		json_put_text(&json, "name", repro_rows[field->row].name);
		json_put_text(&json, "value", text);
		if (*seen->text)
			json_put_text(&json, "before", seen->text);
		json_add(&list, json);
		memcpy(seen->text, text, sizeof(text));
	}
	return list;
}

static json_t *call_json(struct chain *c, const struct repro_event *e)
{
	static const char *const kinds[] = {
		[REPRO_KERNEL] = "kernel", [REPRO_OP] = "operation", [REPRO_PROGRAM] = "BPF function"
	};
	const struct repro_function *f = &c->plan->function[e->function];
	json_t *json = json_object(), *arguments = json_array();
	json_put_int(&json, "at_ns", (int64_t)(e->guest_ns - c->last_ns));
	json_put_u64(&json, "cpu", e->vcpu);
	json_put_text(&json, "function", f->name);
	json_put_text(&json, "kind", kinds[f->kind]);
	for (unsigned i = 0; i < f->params; i++) {
		char text[TEXT_MAX];
		json_t *argument = json_object();
		argument_text(c, e, i, text);
		json_put_text(&argument, "name", f->param[i].name);
		json_put_text(&argument, "value", text);
		json_add(&arguments, argument);
	}
	json_put(&json, "arguments", arguments);
	if (e->current != c->task) {
		char text[TEXT_MAX];
		task_text(c, e->current, -1, text);
		json_put_text(&json, "current", text);
	}
	json_put(&json, "fields", fields_json(c, e));
	return json;
}

static void put_functions(const struct repro_plan *p, json_t **json)
{
	json_t *functions = json_array(), *dropped = json_array();
	for (unsigned i = 0; i < p->functions; i++)
		json_add(&functions, json_text(p->function[i].name));
	for (unsigned i = 0; i < p->drops; i++)
		json_add(&dropped, json_text(p->dropped[i]));
	json_put(json, "functions", functions);
	json_put(json, "dropped", dropped);
}

static void put_calls(struct chain *c, json_t **json)
{
	json_t *calls = json_array();
	unsigned skip = c->events > REPRO_SHOWN_MAX ? c->events - REPRO_SHOWN_MAX : 0;
	char task[TEXT_MAX];
	task_text(c, c->task, -1, task);
	if (c->task)
		json_put_text(json, "task", task);
	json_put_u64(json, "recorded", c->trace->count);
	json_put_u64(json, "earlier", skip);
	/* Earlier calls are not shown, but what they saw is what has changed since. */
	for (unsigned i = 0; i < c->events; i++) {
		json_t *call = call_json(c, c->event[i]);
		if (i < skip)
			json_decref(call);
		else
			json_add(&calls, call);
	}
	if (c->plan->task && c->events)
		json_put_int(json, "waits_ns", (int64_t)(c->trace->until_ns - c->last_ns));
	json_put(json, "calls", calls);
}

void repro_chain(const struct repro_plan *p, const struct repro_trace *t, json_t **json)
{
	struct chain c = { .plan = p, .trace = t };
	put_functions(p, json);
	if (collect(&c) == 0) {
		stitch(&c);
		put_calls(&c, json);
	} else {
		json_put(json, "calls", NULL);
	}
	free(c.event);
	free(c.seen);
}

/* --- text --------------------------------------------------------------------------------------------------------- */

static const char *member(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static void put_names(const json_t *json, const char *key, const char *title, struct buf *out)
{
	size_t i;
	json_t *name;
	const json_t *list = json_object_get(json, key);
	if (!json_array_size(list))
		return;
	buf_appendf(out, "  %s ", title);
	json_array_foreach(list, i, name)
		buf_appendf(out, "%s%s", i ? ", " : "", json_string_value(name) ? json_string_value(name) : "?");
	buf_puts(out, "\n");
}

/* Of one argument on one line. */
static void put_fields(const json_t *fields, struct buf *out)
{
	size_t i;
	json_t *item;
	const char *of = "";
	json_array_foreach(fields, i, item) {
		bool same = i && !strcmp(of, member(item, "of"));
		of = member(item, "of");
		if (same)
			buf_puts(out, ", ");
		else
			buf_appendf(out, "%s%*s%s: ", i ? "\n" : "", FIELDS_INDENT, "", of);
		buf_appendf(out, "%s ", member(item, "name"));
		if (*member(item, "before"))
			buf_appendf(out, "%s -> ", member(item, "before"));
		buf_puts(out, member(item, "value"));
	}
	if (json_array_size(fields))
		buf_puts(out, "\n");
}

static void put_call(const json_t *call, struct buf *out)
{
	size_t i;
	json_t *item;
	const double at = (double)json_integer_value(json_object_get(call, "at_ns"));
	buf_appendf(out, "  %+11.3f ms  CPU %-3lld %s%s(", at / 1e6, json_integer_value(json_object_get(call, "cpu")),
		    !strcmp(member(call, "kind"), "operation") ? "ops." : "", member(call, "function"));
	json_array_foreach(json_object_get(call, "arguments"), i, item)
		buf_appendf(out, "%s%s %s", i ? ", " : "", member(item, "name"), member(item, "value"));
	buf_puts(out, ")");
	if (*member(call, "current"))
		buf_appendf(out, "  while %s ran", member(call, "current"));
	buf_puts(out, "\n");
	put_fields(json_object_get(call, "fields"), out);
}

void repro_text(const json_t *json, struct buf *out)
{
	size_t i;
	json_t *call;
	const json_t *calls = json_object_get(json, "calls");
	size_t count = json_array_size(calls), skip = count > TEXT_CALLS ? count - TEXT_CALLS : 0;
	json_int_t earlier = json_integer_value(json_object_get(json, "earlier")) + (json_int_t)skip;
	const json_t *waits = json_object_get(json, "waits_ns");
	put_names(json, "functions", "watched:", out);
	put_names(json, "dropped", "not watched:", out);
	if (!calls)
		return;
	if (!count) {
		buf_puts(out, "  no call of these concerns the task at fault\n");
		return;
	}
	buf_appendf(out, "  what concerns %s, up to the end:\n", member(json, "task"));
	if (earlier)
		buf_appendf(out, "  ... (%lld earlier calls)\n", (long long)earlier);
	json_array_foreach(calls, i, call)
		if (i >= skip)
			put_call(call, out);
	if (waits)
		buf_appendf(out, "  %+11.3f ms  %s still waits\n", (double)json_integer_value(waits) / 1e6,
			    member(json, "task"));
}
