/* SPDX-License-Identifier: GPL-2.0-only */
/* sample_programs.c -- BPF programs of schedulers in a sample: size for the verifier, calls and time. */
#include <string.h>

#include "base/text.h"
#include "monitor/sampler.h"

#define IDS_MAX 65536

void sampler_find_programs(struct sampler *s)
{
	const struct types *t = s->image->types;
	struct program_fields *p = &s->program;
	p->type = types_field(t, "bpf_prog", "type");
	p->aux = types_field(t, "bpf_prog", "aux");
	p->stats = types_field(t, "bpf_prog", "stats");
	program_code_find(&p->code, t);
	p->verified_insns = types_field(t, "bpf_prog_aux", "verified_insns");
	p->id = types_field(t, "bpf_prog_aux", "id");
	p->name = types_field(t, "bpf_prog_aux", "name");
	p->cnt = types_field(t, "bpf_prog_stats", "cnt");
	p->nsecs = types_field(t, "bpf_prog_stats", "nsecs");
	p->misses = types_field(t, "bpf_prog_stats", "misses");
	p->idr_array = types_field(t, "idr", "idr_rt");
	if (!types_enumerator(t, NULL, "BPF_PROG_TYPE_STRUCT_OPS", &p->struct_ops))
		p->struct_ops = -1;
}

struct reading {
	const struct program_fields *fields;
	struct sample *sample;
	bool full;
};

static void read_stats(struct view *v, const struct program_fields *f, uint64_t program, struct program_sample *ret)
{
	uint64_t pointer, cnt, nsecs, misses;
	ret->has_stats = view_read_field(v, program, f->stats, &pointer) && pointer;
	for (unsigned cpu = 0; ret->has_stats && cpu < v->cpus; cpu++) {
		uint64_t at = view_per_cpu_pointer(v, pointer, cpu);
		if (!at)
			continue;
		ret->has_stats = view_read_field(v, at, f->cnt, &cnt) && view_read_field(v, at, f->nsecs, &nsecs) &&
				 view_read_field(v, at, f->misses, &misses);
		ret->cnt += cnt;
		ret->nsecs += nsecs;
		ret->misses += misses;
	}
}

static void read_name(struct view *v, const struct program_fields *f, uint64_t aux, struct program_sample *ret)
{
	char raw[16] = "";
	if (field_present(f->name))
		view_read(v, aux + f->name.offset, raw, MIN_OF((size_t)f->name.size, sizeof(raw)));
	text_copy_line(ret->name, sizeof(ret->name), raw, strnlen(raw, sizeof(raw)));
}

static int add_program(struct view *v, uint64_t index, uint64_t program, void *arg)
{
	struct reading *r = arg;
	const struct program_fields *f = r->fields;
	uint64_t type, aux, value = 0;
	(void)index;
	if (!view_read_field(v, program, f->type, &type) || (int64_t)type != f->struct_ops ||
	    !view_read_field(v, program, f->aux, &aux) || !view_read_field(v, aux, f->id, &value))
		return 0;
	r->full = r->sample->programs == SAMPLE_PROGRAMS_MAX;
	if (r->full)
		return 1;
	struct program_sample *ret = &r->sample->program[r->sample->programs++];
	*ret = (struct program_sample){ .id = (uint32_t)value };
	view_read_field(v, aux, f->verified_insns, &value);
	ret->verified_insns = (uint32_t)value;
	program_code_len(v, &f->code, program, aux, &value);
	ret->jited_len = (uint32_t)value;
	read_name(v, f, aux, ret);
	read_stats(v, f, program, ret);
	return 0;
}

int sampler_read_programs(const struct sampler *s, struct view *v, struct sample *ret)
{
	struct reading r = { .fields = &s->program, .sample = ret };
	uint64_t idr = view_symbol(v, "prog_idr");
	if (!ret->program)
		ret->program = calloc(SAMPLE_PROGRAMS_MAX, sizeof(*ret->program));
	if (!ret->program)
		return -ENOMEM;
	ret->programs = 0;
	ret->programs_end = WALK_TORN;
	if (!idr || !field_present(s->program.idr_array))
		return 0;
	ret->programs_end = walk_xarray(v, idr + s->program.idr_array.offset, IDS_MAX, add_program, &r);
	if (r.full)
		ret->programs_end = WALK_CAPPED;
	return 0;
}
