/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * program_lines.h -- which line of its source each piece of a BPF program's machine code is of. The kernel keeps what
 * the object file says of lines (uapi: struct bpf_line_info), and where it has put the code of each.
 */
#ifndef KTSTR_MONITOR_PROGRAM_LINES_H
#define KTSTR_MONITOR_PROGRAM_LINES_H

#include "base/code_lines.h"
#include "monitor/layout.h"
#include "monitor/view.h"

#define PROGRAM_LINES_MAX 16384 /* of one function of a program */
#define PROGRAM_FILES_MAX 64	/* the same; lines of others are left out */

/*
 * Of the function whose struct bpf_ksym is at @ksym, and whose code is from @start to @end. -ENODATA: it has no lines,
 * as a trampoline, or a program that was built without; -ENOMEM. The guest stands still. The caller frees *@ret with
 * code_lines_done().
 */
int program_lines_read(struct view *v, const struct layout *l, uint64_t ksym, uint64_t start, uint64_t end,
		       struct code_lines *ret);

#endif
