/* SPDX-License-Identifier: GPL-2.0-only */
/* verified.c -- see verified.h. */
#include "monitor/verified.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"

#define SUBPROGRAMS_MAX 512 /* more than the kernel allows */

const char *const verified_keys[VERIFIED_STAT_COUNT] = {
#define X(name, key, member) [VERIFIED_##name] = key,
	VERIFIED_STATS(X)
#undef X
};

static const char *const members[VERIFIED_STAT_COUNT] = {
#define X(name, key, member) [VERIFIED_##name] = member,
	VERIFIED_STATS(X)
#undef X
};

void verified_find_fields(const struct types *t, struct verified_fields *f)
{
	*f = (struct verified_fields){ .subprog_size = types_size(t, "bpf_subprog_info") };
	for (int i = 0; i < VERIFIED_STAT_COUNT; i++)
		if (*members[i])
			f->env[i] = types_field(t, "bpf_verifier_env", members[i]);
	f->log = types_field(t, "bpf_verifier_env", "log");
	f->prog = types_field(t, "bpf_verifier_env", "prog");
	f->subprogs = types_field(t, "bpf_verifier_env", "subprog_info");
	f->subprog_count = types_field(t, "bpf_verifier_env", "subprog_cnt");
	f->subprog_stack = types_field(t, "bpf_subprog_info", "stack_depth");
	f->aux = types_field(t, "bpf_prog", "aux");
	f->len = types_field(t, "bpf_prog", "len");
	program_code_find(&f->code, t);
	f->type = types_field(t, "bpf_prog", "type");
	f->attach = types_field(t, "bpf_prog", "expected_attach_type");
	f->back = types_field(t, "bpf_prog_aux", "prog");
	f->id = types_field(t, "bpf_prog_aux", "id");
	f->name = types_field(t, "bpf_prog_aux", "name");
}

/* --- one program -------------------------------------------------------------------------------------------------- */

static bool is_program(const struct verified_fields *f, struct view *v, uint64_t program, uint64_t *ret_aux)
{
	uint64_t back;
	return view_read_field(v, program, f->aux, ret_aux) && view_read_field(v, *ret_aux, f->back, &back) &&
	       back == program;
}

static void read_name(const struct verified_fields *f, struct view *v, uint64_t aux, struct verified_program *p)
{
	char raw[16] = "";
	if (field_present(f->name))
		view_read(v, aux + f->name.offset, raw, MIN_OF((size_t)f->name.size, sizeof(raw)));
	text_copy_line(p->name, sizeof(p->name), raw, strnlen(raw, sizeof(raw)));
}

/* Programs of libbpf's own, by which it learns what the kernel supports. */
static bool is_probe(const char *name)
{
	static const char *const probes[] = { "libbpf_", "det_arg_ctx", "global_reloc" };
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++)
		if (!strncmp(name, probes[i], strlen(probes[i])))
			return true;
	return !*name;
}

static void lower(char *text)
{
	for (; *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

/* An attach type means something only if a program is not one of struct_ops. */
static void read_types(const struct verified_fields *f, const struct layout *l, struct view *v,
		       struct verified_program *p)
{
	char name[LAYOUT_NAME_MAX];
	uint64_t type, attach;
	if (view_read_field(v, p->at, f->type, &type) && layout_variant(l, LAYOUT_ENUM_PROG_TYPES, type, name))
		text_copy_line(p->type, sizeof(p->type), name, strlen(name));
	lower(p->type);
	if (!strcmp(p->type, "struct_ops") || !view_read_field(v, p->at, f->attach, &attach) || !attach)
		return;
	if (layout_variant(l, LAYOUT_ENUM_ATTACH_TYPES, attach, name))
		text_copy_line(p->attach_type, sizeof(p->attach_type), name, strlen(name));
	lower(p->attach_type);
}

static void read_stack(const struct verified_fields *f, struct view *v, uint64_t env, struct verified_program *p)
{
	uint64_t count, depth, sum = 0;
	if (!view_read_field(v, env, f->subprog_count, &count) || !field_present(f->subprogs) || !f->subprog_size)
		return;
	for (uint64_t i = 0; i < MIN_OF(count, (uint64_t)SUBPROGRAMS_MAX); i++) {
		if (!view_read_field(v, env + f->subprogs.offset + i * f->subprog_size, f->subprog_stack, &depth))
			return;
		sum += depth;
	}
	verified_set(p, VERIFIED_STACK, sum);
}

static void read_stats(const struct verified_fields *f, struct view *v, uint64_t env, struct verified_program *p)
{
	uint64_t value;
	for (int i = 0; i < VERIFIED_STAT_COUNT; i++)
		if (field_present(f->env[i]) && view_read_field(v, env, f->env[i], &value))
			verified_set(p, (enum verified_stat)i, i == VERIFIED_DURATION ? value / NSEC_PER_USEC : value);
	read_stack(f, v, env, p);
}

static void read_sizes(const struct verified_fields *f, struct view *v, uint64_t aux, struct verified_program *p)
{
	uint64_t value;
	if (view_read_field(v, p->at, f->len, &value))
		verified_set(p, VERIFIED_SIZE, value);
	if (program_code_len(v, &f->code, p->at, aux, &value))
		verified_set(p, VERIFIED_JITED_SIZE, value);
}

/* --- all programs ------------------------------------------------------------------------------------------------- */

/* The record for a program of that name. An address that is used again belongs to no earlier program any more. */
static struct verified_program *record_for(struct verified *v, const struct verified_program *p)
{
	struct verified_program *found = NULL;
	if (!v->program)
		v->program = calloc(VERIFIED_PROGRAMS_MAX, sizeof(*v->program));
	if (!v->program)
		return NULL;
	for (unsigned i = 0; i < v->programs; i++) {
		if (v->program[i].at == p->at)
			v->program[i].at = 0;
		if (!strcmp(v->program[i].name, p->name))
			found = &v->program[i];
	}
	if (found || v->programs < VERIFIED_PROGRAMS_MAX)
		return found ? found : &v->program[v->programs++];
	v->lost++;
	return NULL;
}

void verified_settle(struct verified *v, const struct verified_fields *f, struct view *view)
{
	for (unsigned i = 0; i < v->programs; i++) {
		struct verified_program *p = &v->program[i];
		uint64_t aux, id = 0;
		if (!p->at || !is_program(f, view, p->at, &aux) || !view_read_field(view, aux, f->id, &id) || !id)
			continue;
		struct verified_program now = { 0 };
		read_name(f, view, aux, &now);
		if (strcmp(now.name, p->name) != 0)
			continue;
		p->loaded = true;
		read_sizes(f, view, aux, p);
	}
}

void verified_note(struct verified *v, const struct verified_fields *f, const struct layout *l, struct view *view,
		   uint64_t log)
{
	struct verified_program p = { 0 };
	uint64_t env = log - f->log.offset, aux;
	verified_settle(v, f, view);
	/* The same function ends the check of type information, where no program is. */
	if (!field_present(f->log) || !view_read_field(view, env, f->prog, &p.at) || !is_program(f, view, p.at, &aux))
		return;
	read_name(f, view, aux, &p);
	if (is_probe(p.name))
		return;
	read_types(f, l, view, &p);
	read_stats(f, view, env, &p);
	read_sizes(f, view, aux, &p);
	p.has &= ~(1u << VERIFIED_JITED_SIZE);
	struct verified_program *to = record_for(v, &p);
	if (to)
		*to = p;
}

void verified_done(struct verified *v)
{
	free(v->program);
	*v = (struct verified){ 0 };
}
