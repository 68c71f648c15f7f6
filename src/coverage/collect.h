/* SPDX-License-Identifier: GPL-2.0-only */
/* collect.h -- what one run counts: each machine's counters become files of the compiler's own format. */
#ifndef KTSTR_COVERAGE_COLLECT_H
#define KTSTR_COVERAGE_COLLECT_H

#include <stdatomic.h>

#include "coverage/kernel.h"
#include "coverage/guest_lines.h"
#include "coverage/region.h"

/* Shared by all machines of a run, whose threads add to it. */
struct coverage_run {
	const char *dir;		  /* absolute */
	struct kernel_coverages *kernels; /* gets what machines execute of kernel/sched; NULL: not wanted */
	bool bpf_lines, kernel_lines;	  /* count those of BPF programs, and of kernel/sched */
	struct guest_coverage *lines;	  /* gets them; NULL: none are wanted */
	atomic_uint machines;		  /* that counted */
	atomic_uint bare;		  /* whose test's program was built without coverage */
	atomic_uint lost;		  /* processes that were not counted */
	atomic_uint lineless;		  /* machines whose kernel's lines are wanted and not known */
	char lineless_why[256];		  /* of the first of them; read it after the run */
	atomic_uint files;		  /* for names */
};

/*
 * Lets the test's program @program, which knows its compiler's format, write the counters of a guest's memory to the
 * run's directory: gcc's as .gcda files, which are added up there, clang's as a .profraw file. Blocks.
 */
int coverage_collect(struct coverage_run *run, const char *program, const uint8_t *region, size_t size,
		     struct err **err);

#endif
