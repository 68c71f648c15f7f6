/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * profiler.h -- counts the instructions of one watched machine's kernel (observe_config.functions), and splits them by
 * the parts of the run, which the test marks. The guest does not notice.
 */
#ifndef KTSTR_RUN_PROFILER_H
#define KTSTR_RUN_PROFILER_H

#include "monitor/layout.h"
#include "monitor/program_lines.h"
#include "monitor/view.h"
#include "coverage/lines.h"
#include "insns/insns.h"
#include "run/captures.h"
#include "vmm/vm.h"

#define PROFILER_SYMBOL "bpf_ksym_add" /* (struct bpf_ksym *): the kernel has made code, and names it */

/* A program whose instructions may be counted one by one. */
struct profiled_program {
	struct observe_program code;
	struct code_lines lines; /* none: nobody knows them */
};

/* Numbers of one moment, by path. */
struct profiler_counts {
	struct observe_path *path;
	uint32_t paths;
	uint64_t user;
};

struct profiler {
	struct observe_function *function;
	const char **name; /* of each function; borrowed from the kernel's symbols */
	uint32_t functions;
	char **program; /* names */
	uint32_t programs;
	bool wants_lines;		       /* count each instruction of programs */
	const struct code_lines *kernel_lines; /* of code whose instructions are counted, too; NULL: none; borrowed */
	struct observe_program piece[OBSERVE_CODE_PIECES_MAX]; /* where that code is */
	uint32_t pieces;
	struct profiled_program *lines; /* of each program; empty unless `wants_lines` */
	uint64_t code;			/* bytes of all code that is counted so */
	uint64_t *executions;		/* of each of them, at the end */
	struct profiler_counts boot, begin, all;
	struct insns_count *hold; /* by path; OBSERVE_PATHS_MAX */
	uint64_t hold_user;
	bool booted, holds, held, failed;
	uint64_t lost;
};

/*
 * @lines: count also how often each line of BPF programs is executed. @kernel: and each of these lines of the kernel;
 * borrowed; NULL: none. -ENOMEM.
 */
int profiler_new(struct symbols *symbols, bool lines, const struct code_lines *kernel, struct profiler **ret);
void profiler_free(struct profiler *p);
void profiler_prepare(const struct profiler *p, struct observe_config *observe);
/* The guest stands still at the begin of PROFILER_SYMBOL, whose argument is @ksym. */
void profiler_take_program(struct profiler *p, struct vm *vm, const struct layout *layout, struct view *view,
			   uint64_t ksym);
/* The guest stands still at a mark. */
void profiler_mark(struct profiler *p, const struct vm *vm, const struct mark *mark);
/* The machine has ended. */
void profiler_end(struct profiler *p, const struct vm *vm);
/* What was counted, without facts about the test. -ENODATA: nothing was; -ENOMEM. */
int profiler_profile(const struct profiler *p, struct insns *ret);
/*
 * The machine has ended: adds the counted lines of its BPF programs and of its kernel @version, and their functions.
 * -ENOMEM.
 */
int profiler_add_lines(const struct profiler *p, const char *version, struct coverage_lines *ret);

#endif
