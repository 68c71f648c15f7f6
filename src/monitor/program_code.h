/* SPDX-License-Identifier: GPL-2.0-only */
/* program_code.h -- how much machine code a BPF program is, as bpf(2) says it: that of all its functions. */
#ifndef KTSTR_MONITOR_PROGRAM_CODE_H
#define KTSTR_MONITOR_PROGRAM_CODE_H

#include "monitor/view.h"

struct program_code_fields {
	struct field jited_len, functions, function_count;
};

void program_code_find(struct program_code_fields *f, const struct types *types);
/* Of the struct bpf_prog at @program and its @aux. False: not readable, and 0. */
bool program_code_len(struct view *v, const struct program_code_fields *f, uint64_t program, uint64_t aux,
		      uint64_t *ret);

#endif
