/* SPDX-License-Identifier: GPL-2.0-only */
/* expression.c -- see expression.h. */
#include "monitor/expression.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"

#define TASKS_MAX 65536

/* --- reading the text --------------------------------------------------------------------------------------------- */

static int refuse(struct err **err, const char *part, const char *why)
{
	_cleanup_free_ char *clean = text_clean_line(part);
	return FAIL(err, ERR_USAGE, -EINVAL, "'%s' %s; 'ktstr help debug' shows what an expression may be", clean ?: "",
		    why);
}

static int parse_operand(const char *text, int64_t *ret)
{
	uint64_t value;
	bool negative = *text == '-';
	int r = parse_u64(text + negative, &value);
	*ret = negative ? -(int64_t)value : (int64_t)value;
	return r;
}

/* Cuts off " == 3". */
static int cut_comparison(struct expression *e, struct err **err)
{
	static const struct {
		const char *text;
		enum expression_compare compare;
	} rows[] = { { " == ", COMPARE_EQ }, { " != ", COMPARE_NE }, { " <= ", COMPARE_LE },
		     { " >= ", COMPARE_GE }, { " < ", COMPARE_LT },  { " > ", COMPARE_GT } };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *at = strstr(e->text, rows[i].text);
		if (!at)
			continue;
		*at = '\0';
		e->compare = rows[i].compare;
		const char *number = at + strlen(rows[i].text);
		return parse_operand(number, &e->operand) < 0 ? refuse(err, number, "is not a number") : 0;
	}
	return 0;
}

/* The type to which a pointer leads; 0: it is not a pointer. */
static uint32_t pointee(const struct types *types, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(types_btf(types), id);
	return type && btf_is_ptr(type) ? type->type : 0;
}

static bool is_number(const struct types *types, struct field f)
{
	const struct btf_type *type = btf__type_by_id(types_btf(types), f.type);
	bool composite = type && (btf_is_composite(type) || btf_is_array(type));
	return !composite && (f.size == 1 || f.size == 2 || f.size == 4 || f.size == 8);
}

/* Cuts the text at the next "->"; returns what follows, or NULL. */
static char *cut_arrow(char *text)
{
	char *arrow = strstr(text, "->");
	if (!arrow)
		return NULL;
	*arrow = '\0';
	return arrow + 2;
}

static int add_step(struct expression *e, struct field f, const char *part, struct err **err)
{
	if (!field_present(f))
		return refuse(err, part, "is not a member there in this kernel");
	if (e->steps == EXPRESSION_STEPS_MAX)
		return refuse(err, part, "follows too many pointers");
	e->step[e->steps++] = f;
	return 0;
}

/* The members behind the first step: each follows the pointer before it. */
static int add_steps(struct expression *e, const struct types *types, char *rest, struct err **err)
{
	while (rest) {
		char *part = rest;
		rest = cut_arrow(part);
		uint32_t type = pointee(types, e->step[e->steps - 1].type);
		if (!type)
			return refuse(err, part, "comes behind something that is not a pointer to a known type");
		int r = add_step(e, types_field_of(types, type, part), part, err);
		if (r < 0)
			return r;
	}
	return is_number(types, e->step[e->steps - 1]) ? 0 : refuse(err, e->text, "is not a number; name a member");
}

/* "task(42)->pid", "task(42).pid" */
static int parse_task(struct expression *e, const struct types *types, struct err **err)
{
	char *number = e->text + strlen("task("), *close = strchr(number, ')');
	uint32_t pid = 0;
	if (close)
		*close = '\0';
	if (!close || parse_u32_range(number, 1, INT32_MAX, &pid) < 0)
		return refuse(err, number, "is not a pid");
	char *path = close + 1;
	if (*path == '.')
		path++;
	else if (!strncmp(path, "->", 2))
		path += 2;
	else
		return refuse(err, path, "comes behind a task; write '->' and a member");
	char *rest = cut_arrow(path);
	e->root = EXPRESSION_TASK;
	e->pid = (int32_t)pid;
	e->task_pid = types_field(types, "task_struct", "pid");
	int r = add_step(e, types_field(types, "task_struct", path), path, err);
	return r == 0 ? add_steps(e, types, rest, err) : r;
}

/* "(struct scx_sched *)scx_root->exit_kind" */
static int parse_cast(struct expression *e, const struct kernel_image *image, struct err **err)
{
	char *type = e->text + 1, *close = strchr(type, ')');
	if (!close)
		return refuse(err, e->text, "has a bracket that is not closed");
	*close = '\0';
	type += strncmp(type, "struct ", 7) ? 0 : 7;
	bool pointer = strchr(type, '*');
	type[strcspn(type, " *")] = '\0';
	char *name = close + 1, *path = pointer ? cut_arrow(name) : strchr(name, '.');
	if (path && !pointer)
		*path++ = '\0';
	if (!path)
		return refuse(err, name, "has a type, so a member must follow");
	e->root = EXPRESSION_SYMBOL;
	e->name = name;
	if (!symbols_find(image->symbols, name))
		return refuse(err, name, "is not a variable of this kernel");
	if (pointer)
		e->step[e->steps++] = (struct field){ .size = sizeof(uint64_t), .type = 1 };
	char *rest = cut_arrow(path);
	int r = add_step(e, types_field(image->types, type, path), path, err);
	return r == 0 ? add_steps(e, image->types, rest, err) : r;
}

/* "runqueues[1].nr_running". 1: it is not a variable that each CPU has. */
static int parse_per_cpu(struct expression *e, const struct types *types, struct err **err)
{
	_cleanup_free_ char *name = strndup(e->text, strcspn(e->text, ".[-"));
	struct btf *btf = types_btf(types);
	int id = name ? btf__find_by_name_kind(btf, name, BTF_KIND_VAR) : -ENOMEM;
	if (id < 0)
		return 1;
	char *open = e->text + strlen(name), *close = strchr(open, ']');
	if (*open != '[' || !close)
		return refuse(err, e->text,
			      "is a variable that each CPU has; name the CPU, as in 'runqueues[1].nr_running'");
	*open = *close = '\0';
	uint32_t cpu;
	if (parse_u32_range(open + 1, 0, VIEW_CPUS_MAX - 1, &cpu) < 0)
		return refuse(err, open + 1, "is not the number of a CPU");
	char *path = close + 1, *rest = cut_arrow(path);
	e->root = EXPRESSION_CPU;
	e->name = e->text;
	e->cpu = cpu;
	path += *path == '.';
	uint32_t type = btf__type_by_id(btf, (uint32_t)id)->type;
	int r = add_step(e, types_field_of(types, type, path), path, err);
	return r == 0 ? add_steps(e, types, rest, err) : r;
}

static int parse_plain(struct expression *e, const struct kernel_image *image, struct err **err)
{
	uint64_t size = symbols_size(image->symbols, e->text);
	if (!symbols_find(image->symbols, e->text)) {
		e->root = EXPRESSION_VARIABLE;
		e->path = e->text;
		return 0;
	}
	e->root = EXPRESSION_SYMBOL;
	e->name = e->text;
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return refuse(err, e->text,
			      "is not a number; write its type, as in '(struct scx_sched *)scx_root->...'");
	e->step[e->steps++] = (struct field){ .size = (uint32_t)size, .is_signed = true, .type = 1 };
	return 0;
}

/* "map stats[3].hits" */
static int parse_map(struct expression *e, struct err **err)
{
	char *name = e->text + strlen("map ");
	size_t len = 1 + strcspn(*name ? name + 1 : name, "[.");
	if (!*name)
		return refuse(err, e->text, "does not name a map");
	_cleanup_free_ char *path = strdup(name + len + (name[len] == '.'));
	if (!path)
		return -ENOMEM;
	name[len] = '\0';
	e->root = EXPRESSION_VARIABLE;
	e->name = name;
	e->path = e->map_path = TAKE_PTR(path);
	return 0;
}

int expression_parse(const char *text, const struct kernel_image *image, struct expression *ret, struct err **err)
{
	*ret = (struct expression){ .text = strdup(text) };
	if (!ret->text)
		return -ENOMEM;
	int r = cut_comparison(ret, err);
	if (r < 0)
		return r;
	if (!*ret->text)
		return refuse(err, text, "is empty");
	if (!strncmp(ret->text, "map ", 4))
		return parse_map(ret, err);
	if (!strncmp(ret->text, "task(", 5))
		return parse_task(ret, image->types, err);
	if (*ret->text == '(')
		return parse_cast(ret, image, err);
	r = parse_per_cpu(ret, image->types, err);
	return r == 1 ? parse_plain(ret, image, err) : r;
}

void expression_done(struct expression *e)
{
	free(e->text);
	free(e->map_path);
	*e = (struct expression){ 0 };
}

/* --- reading the guest -------------------------------------------------------------------------------------------- */

static int is_the_task(struct view *v, uint64_t task, void *arg)
{
	struct expression *e = arg;
	uint64_t pid;
	if (!view_read_field(v, task, e->task_pid, &pid) || (int32_t)pid != e->pid)
		return 0;
	e->task = task;
	return 1;
}

/* Whether a task may be there that was not there when it was looked for. */
static bool has_forked(struct expression *e, struct view *v)
{
	uint64_t at = view_symbol(v, "total_forks"), forks;
	if (!at || !view_read_u64(v, at, sizeof(forks), &forks))
		return true;
	bool more = forks != e->forks;
	e->forks = forks;
	return more;
}

/* A task that has ended leaves memory that soon is another's. */
static uint64_t find_task(struct expression *e, struct view *v)
{
	uint64_t pid;
	if (e->task && (!view_read_field(v, e->task, e->task_pid, &pid) || (int32_t)pid != e->pid))
		e->task = 0;
	if (!e->task && has_forked(e, v))
		walk_tasks(v, TASKS_MAX, is_the_task, e);
	return e->task;
}

static bool read_variable(struct expression *e, const struct inspect_config *config, bool search, int64_t *ret)
{
	struct inspector in;
	double value = 0, one;
	if (search && inspect_begin(&in, config) == 0) {
		if (!e->variable.kva || !variable_is_there(&in, &e->variable)) {
			e->variable.kva = 0;
			if (variable_find(&in, e->name, e->path, &e->variable, NULL) < 0)
				e->variable.kva = 0;
		}
		inspect_end(&in);
	}
	if (!e->variable.kva)
		return false;
	unsigned cpus = e->variable.per_cpu ? config->view->cpus : 1;
	for (unsigned cpu = 0; cpu < cpus; cpu++) {
		if (!variable_read(config->view, &e->variable, cpu, &one))
			return false;
		value += one;
	}
	*ret = (int64_t)value;
	return true;
}

static bool follow(const struct expression *e, struct view *v, uint64_t at, int64_t *ret)
{
	uint64_t value = at;
	for (unsigned i = 0; i < e->steps; i++)
		if (!value || !view_read_field(v, value, e->step[i], &value))
			return false;
	*ret = (int64_t)value;
	return true;
}

static bool read_value(struct expression *e, const struct inspect_config *config, bool search, int64_t *ret)
{
	struct view *v = config->view;
	switch (e->root) {
	case EXPRESSION_CPU:
		return e->cpu < v->cpus && follow(e, v, view_per_cpu(v, e->name, e->cpu), ret);
	case EXPRESSION_TASK:
		return follow(e, v, find_task(e, v), ret);
	case EXPRESSION_SYMBOL:
		return follow(e, v, view_symbol(v, e->name), ret);
	case EXPRESSION_VARIABLE:
		return read_variable(e, config, search, ret);
	}
	return false;
}

static int64_t compare(const struct expression *e, int64_t value)
{
	switch (e->compare) {
	case COMPARE_EQ:
		return value == e->operand;
	case COMPARE_NE:
		return value != e->operand;
	case COMPARE_LE:
		return value <= e->operand;
	case COMPARE_GE:
		return value >= e->operand;
	case COMPARE_LT:
		return value < e->operand;
	case COMPARE_GT:
		return value > e->operand;
	case COMPARE_NOTHING:
		break;
	}
	return value;
}

bool expression_read(struct expression *e, const struct inspect_config *config, bool search, int64_t *ret)
{
	int64_t value;
	if (!read_value(e, config, search, &value))
		return false;
	*ret = compare(e, value);
	return true;
}
