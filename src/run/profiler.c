/* SPDX-License-Identifier: GPL-2.0-only */
/* profiler.c -- see profiler.h. */
#include "run/profiler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "run/counted_code.h"

#define KSYM_NAME_MAX 512 /* Linux: KSYM_NAME_LEN */

/* --- functions ---------------------------------------------------------------------------------------------------- */

/* Linux (arch/x86/include/asm/idtentry.h): entries of interrupts and exceptions. The stubs before them are in a row. */
static uint64_t flags_of(const char *name)
{
	static const char *const prefixes[] = { "asm_sysvec_", "asm_exc_", "asm_common_interrupt",
						"asm_spurious_interrupt", "irq_entries_start" };
	if (!strcmp(name, "__switch_to_asm"))
		return OBSERVE_SWITCHES;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return OBSERVE_INTERRUPTS;
	return 0;
}

static void add_function(void *data, uint64_t address, const char *name)
{
	struct profiler *p = data;
	if (address < OBSERVE_ADDRESS_MIN || p->functions == OBSERVE_FUNCTIONS_MAX)
		return;
	p->name[p->functions] = name;
	p->function[p->functions++] = (struct observe_function){ address, flags_of(name) };
}

int profiler_new(struct symbols *symbols, bool lines, const struct code_lines *kernel, struct profiler **ret)
{
	struct profiler *p = *ret = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->wants_lines = lines;
	p->kernel_lines = kernel;
	if (kernel)
		p->pieces = counted_code_pieces(kernel, p->piece, OBSERVE_CODE_PIECES_MAX, &p->code);
	p->lines = calloc(OBSERVE_PROGRAMS_MAX, sizeof(*p->lines));
	p->function = calloc(OBSERVE_FUNCTIONS_MAX, sizeof(*p->function));
	p->name = calloc(OBSERVE_FUNCTIONS_MAX, sizeof(*p->name));
	p->program = calloc(OBSERVE_PROGRAMS_MAX, sizeof(*p->program));
	p->hold = calloc(OBSERVE_PATHS_MAX, sizeof(*p->hold));
	if (!p->function || !p->name || !p->program || !p->hold || !p->lines) {
		profiler_free(p);
		*ret = NULL;
		return -ENOMEM;
	}
	symbols_functions(symbols, add_function, p);
	return 0;
}

void profiler_free(struct profiler *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->programs; i++) {
		free(p->program[i]);
		code_lines_done(&p->lines[i].lines);
	}
	free(p->function);
	free(p->name);
	free(p->program);
	free(p->lines);
	free(p->executions);
	free(p->hold);
	free(p->boot.path);
	free(p->begin.path);
	free(p->all.path);
	free(p);
}

void profiler_prepare(const struct profiler *p, struct observe_config *observe)
{
	observe->functions = p->function;
	observe->function_count = p->functions;
	observe->count_code = p->wants_lines;
	observe->code = p->piece;
	observe->code_count = p->pieces;
}

/* --- programs ----------------------------------------------------------------------------------------------------- */

/* Chooses where the program's instructions are counted. Its lines are read now: it may be unloaded before the end. */
static void take_lines(struct profiler *p, const struct layout *layout, struct view *view, uint64_t ksym,
		       struct profiled_program *ret)
{
	uint64_t size = ret->code.end - ret->code.start;
	ret->code.counters = OBSERVE_CODE_MAX;
	if (!p->wants_lines || ret->code.end < ret->code.start || size > OBSERVE_CODE_MAX - p->code)
		return;
	int r = program_lines_read(view, layout, ksym, ret->code.start, ret->code.end, &ret->lines);
	p->failed |= r == -ENOMEM;
	if (r < 0)
		return;
	ret->code.counters = p->code;
	p->code += size;
}

void profiler_take_program(struct profiler *p, struct vm *vm, const struct layout *layout, struct view *view,
			   uint64_t ksym)
{
	char raw[KSYM_NAME_MAX], clean[KSYM_NAME_MAX], name[KSYM_NAME_MAX];
	struct profiled_program one = { 0 };
	const struct field text = layout->field[LAYOUT_KSYM_NAME];
	if (!view_read_field(view, ksym, layout->field[LAYOUT_KSYM_START], &one.code.start) ||
	    !view_read_field(view, ksym, layout->field[LAYOUT_KSYM_END], &one.code.end) || !field_present(text) ||
	    !view_read_text(view, ksym + text.offset, raw, sizeof(raw)))
		return;
	text_copy_line(clean, sizeof(clean), raw, strlen(raw));
	insns_program_name(clean, name, sizeof(name));
	char *copy = p->programs < OBSERVE_PROGRAMS_MAX ? strdup(name) : NULL;
	if (copy)
		take_lines(p, layout, view, ksym, &one);
	if (!copy || vm->backend->add_program(vm, &one.code) < 0) {
		free(copy);
		code_lines_done(&one.lines);
		return;
	}
	p->lines[p->programs] = one;
	p->program[p->programs++] = copy;
}

/* --- phases ------------------------------------------------------------------------------------------------------- */

static void copy_counts(struct profiler *p, const struct vm *vm, struct profiler_counts *ret)
{
	struct observe_profile now;
	if (p->failed || !vm->backend->profile(vm, &now))
		return;
	struct observe_path *room = realloc(ret->path, MAX_OF(now.paths, 1u) * sizeof(*room));
	if (!room) {
		p->failed = true;
		return;
	}
	memcpy(room, now.path, now.paths * sizeof(*room));
	*ret = (struct profiler_counts){ .path = room, .paths = now.paths, .user = now.user };
	p->lost = now.lost;
}

static struct insns_count since(const struct profiler_counts *now, const struct profiler_counts *before, uint32_t i)
{
	struct insns_count c = { now->path[i].instructions, now->path[i].calls };
	if (i < before->paths) {
		c.instructions -= before->path[i].instructions;
		c.calls -= before->path[i].calls;
	}
	return c;
}

static void end_hold(struct profiler *p)
{
	for (uint32_t i = 0; i < p->all.paths; i++) {
		struct insns_count c = since(&p->all, &p->begin, i);
		p->hold[i].instructions += c.instructions;
		p->hold[i].calls += c.calls;
	}
	p->hold_user += p->all.user - p->begin.user;
	p->holds = false;
}

void profiler_mark(struct profiler *p, const struct vm *vm, const struct mark *mark)
{
	switch (mark->kind) {
	case WIRE_MARK_START:
		if (!p->booted)
			copy_counts(p, vm, &p->boot);
		p->booted = true;
		return;
	case WIRE_MARK_HOLD:
		copy_counts(p, vm, &p->begin);
		p->holds = p->held = true;
		return;
	case WIRE_MARK_HOLD_END:
		profiler_end(p, vm);
		return;
	default:
		return;
	}
}

/* The counters go with the machine, so they are copied. */
static void copy_executions(struct profiler *p, const struct vm *vm)
{
	struct observe_profile now;
	if (!p->code || p->failed || !vm->backend->profile(vm, &now))
		return;
	free(p->executions);
	p->executions = malloc(p->code * sizeof(*p->executions));
	p->failed |= !p->executions;
	if (p->executions)
		memcpy(p->executions, now.executions, p->code * sizeof(*p->executions));
}

void profiler_end(struct profiler *p, const struct vm *vm)
{
	copy_counts(p, vm, &p->all);
	copy_executions(p, vm);
	if (p->holds)
		end_hold(p);
}

/* --- the profile -------------------------------------------------------------------------------------------------- */

/* From the numbers of functions and programs to those in the profile, which has only those that occur. */
struct numbering {
	uint32_t *index; /* 1 + the new number; 0: none yet */
	uint32_t count;	 /* of old numbers; the last one is that of unknown code */
};

static const char *name_of(const struct profiler *p, uint32_t function)
{
	if (function < p->functions)
		return p->name[function];
	return function - p->functions < p->programs ? p->program[function - p->functions] : INSNS_UNKNOWN;
}

static int number_of(const struct profiler *p, struct numbering *n, uint32_t function, struct insns *ret)
{
	uint32_t old = MIN_OF(function, n->count - 1);
	if (n->index[old])
		return (int)(n->index[old] - 1);
	ret->function[ret->functions] = text_clean_line(name_of(p, old));
	if (!ret->function[ret->functions])
		return -ENOMEM;
	n->index[old] = ++ret->functions;
	return (int)(ret->functions - 1);
}

static int add_path(const struct profiler *p, struct numbering *n, uint32_t i, struct insns *ret)
{
	const struct observe_path *from = &p->all.path[i];
	struct insns_path *to = &ret->path[i];
	int function = number_of(p, n, from->function, ret);
	if (function < 0)
		return function;
	/* A guest that has taken over QEMU may have written anything. */
	to->caller = from->caller < i && ret->path[from->caller].depth < INSNS_DEPTH_MAX ? from->caller : 0;
	to->depth = i ? ret->path[to->caller].depth + 1 : 0;
	to->function = (uint32_t)function;
	to->in[INSNS_ALL] = (struct insns_count){ from->instructions, from->calls };
	to->in[INSNS_HOLD] = p->hold[i];
	if (i < p->boot.paths)
		to->in[INSNS_BOOT] = (struct insns_count){ p->boot.path[i].instructions, p->boot.path[i].calls };
	ret->paths++;
	return 0;
}

int profiler_profile(const struct profiler *p, struct insns *ret)
{
	struct numbering n = { .count = p->functions + p->programs + 1 };
	_cleanup_free_ uint32_t *index = n.index = calloc(n.count, sizeof(*index));
	*ret = (struct insns){
		.lost = p->lost,
		.has = { [INSNS_HOLD] = p->held, [INSNS_BOOT] = p->booted, [INSNS_ALL] = true },
		.user = { [INSNS_HOLD] = p->hold_user, [INSNS_BOOT] = p->boot.user, [INSNS_ALL] = p->all.user }
	};
	if (!p->all.paths || p->failed)
		return -ENODATA;
	ret->function = calloc(n.count, sizeof(*ret->function));
	ret->path = calloc(p->all.paths, sizeof(*ret->path));
	int r = index && ret->function && ret->path ? 0 : -ENOMEM;
	for (uint32_t i = 0; i < p->all.paths && r == 0; i++)
		r = add_path(p, &n, i, ret);
	if (r < 0)
		insns_done(ret);
	return r;
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

/* Each function is a program of its own. */
static int add_program_lines(const struct profiler *p, uint32_t i, struct coverage_lines *ret)
{
	const struct profiled_program *one = &p->lines[i];
	const struct counted_code code = {
		.lines = &one->lines, .piece = &one->code, .pieces = 1, .executions = p->executions, .prefix = ""
	};
	const char *name = p->program[i];
	size_t prefix = strncmp(name, INSNS_PROGRAM, strlen(INSNS_PROGRAM)) ? 0 : strlen(INSNS_PROGRAM);
	int r = counted_code_add_lines(&code, ret);
	return r == 0 ? counted_code_add_function(&code, name + prefix, one->lines.line[0].address, ret) : r;
}

/* The compiler puts what is rarely executed apart, under a name of its own; and filling before a function. */
static bool is_function(const char *name)
{
	return !strstr(name, ".cold") && strncmp(name, "__pfx_", strlen("__pfx_"));
}

static int add_kernel_lines(const struct profiler *p, const char *version, struct coverage_lines *ret)
{
	char prefix[128];
	snprintf(prefix, sizeof(prefix), "linux-%s/", version);
	const struct counted_code code = { .lines = p->kernel_lines,
					   .piece = p->piece,
					   .pieces = p->pieces,
					   .executions = p->executions,
					   .prefix = prefix };
	int r = counted_code_add_lines(&code, ret);
	for (uint32_t i = 0; i < p->functions && r == 0; i++)
		if (is_function(p->name[i]))
			r = counted_code_add_function(&code, p->name[i], p->function[i].address, ret);
	return r;
}

int profiler_add_lines(const struct profiler *p, const char *version, struct coverage_lines *ret)
{
	int r = p->executions && p->kernel_lines ? add_kernel_lines(p, version, ret) : 0;
	for (uint32_t i = 0; p->executions && i < p->programs && r == 0; i++)
		if (p->lines[i].lines.lines)
			r = add_program_lines(p, i, ret);
	return r;
}
