/* SPDX-License-Identifier: GPL-2.0-only */
/* program_code.c -- see program_code.h. */
#include "monitor/program_code.h"

#define FUNCTIONS_MAX 512 /* Linux: BPF_MAX_SUBPROGS is 256 */

void program_code_find(struct program_code_fields *f, const struct types *types)
{
	f->jited_len = types_field(types, "bpf_prog", "jited_len");
	f->functions = types_field(types, "bpf_prog_aux", "func");
	f->function_count = types_field(types, "bpf_prog_aux", "func_cnt");
}

/* The first function is the program's own; a program with only that has no list. */
bool program_code_len(struct view *v, const struct program_code_fields *f, uint64_t program, uint64_t aux,
		      uint64_t *ret)
{
	uint64_t count, functions, function, len, sum = 0;
	if (!view_read_field(v, program, f->jited_len, ret))
		return false;
	view_read_field(v, aux, f->function_count, &count);
	view_read_field(v, aux, f->functions, &functions);
	for (uint64_t i = 0; functions && i < MIN_OF(count, (uint64_t)FUNCTIONS_MAX); i++)
		if (view_read_u64(v, functions + i * 8, 8, &function) &&
		    view_read_field(v, function, f->jited_len, &len))
			sum += len;
	*ret = sum ? sum : *ret;
	return true;
}
