/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * watched_kernel.h -- what is known of a kernel for looking at its guests from outside: its symbols, types and unwind
 * tables. Opened when the first machine needs it, then shared by all machines that run it, and never changed.
 */
#ifndef KTSTR_RUN_WATCHED_KERNEL_H
#define KTSTR_RUN_WATCHED_KERNEL_H

#include <pthread.h>

#include "base/code_lines.h"
#include "kernel/kernel.h"
#include "monitor/layout.h"
#include "monitor/orc.h"
#include "monitor/sample.h"
#include "monitor/stall.h"
#include "monitor/verified.h"
#include "monitor/view.h"
#include "run/captures.h"
#include "vmm/vm.h"

struct watched_kernel {
	const char *cache_dir; /* borrowed; NULL: none */
	pthread_mutex_t lock;  /* taken while it is opened */
	bool opened;
	char lack[256]; /* why its guests cannot be looked at; "": they can */
	struct kernel_image image;
	struct layout layout;
	struct sampler *sampler;
	struct stall_fields stall;
	struct verified_fields verified;
	struct field mark[WIRE_MARK_ARGUMENTS]; /* arguments of a system call, in struct pt_regs */
	/* For stacks, which few runs look at. */
	char *vmlinux;
	bool orc_opened;
	struct orc *orc;  /* NULL: stacks cannot be unwound */
	char no_orc[160]; /* why not */
	/* For the coverage of the scheduler's own lines. */
	bool lines_opened;
	struct code_lines lines;
	char no_lines[256]; /* why there are none; "": there are */
};

/* @cache_dir: of symbols_open_cached(). */
void watched_kernel_init(struct watched_kernel *w, const char *cache_dir);
/* Opens it unless it is open. Returns NULL, or why its guests cannot be looked at. Any thread; blocks. */
const char *watched_kernel_open(struct watched_kernel *w, const struct kernel *k, const struct vm_backend *backend);
/* The tables with which stacks are unwound; NULL: there are none, @why says why. Opens them at first. Any thread. */
const struct orc *watched_kernel_orc(struct watched_kernel *w, const char **why);
/* Which lines of kernel/sched its code is of; NULL: unknown, @why says why. Reads them at first. Any thread. */
const struct code_lines *watched_kernel_lines(struct watched_kernel *w, const char **why);
/* The same for looking at a guest that is not stopped. @boot: its file. Not for several threads. */
const char *watched_kernel_open_file(struct watched_kernel *w, const char *boot, bool image, enum arch arch);
void watched_kernel_done(struct watched_kernel *w);

#endif
