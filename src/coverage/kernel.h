/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kernel.h -- which functions of a kernel's scheduler a run executed, by its profiles of instructions.
 *
 * A stripped vmlinux does not say from which file a function is. The linker puts the objects of kernel/sched between
 * others, so its functions are those between two that are known: in .text and in .sched.text.
 */
#ifndef KTSTR_COVERAGE_KERNEL_H
#define KTSTR_COVERAGE_KERNEL_H

#include <pthread.h>
#include <stdbool.h>

#include "base/json.h"
#include "insns/insns.h"
#include "monitor/symbols.h"

struct kernel_function {
	char *name;
	bool ran;
};

struct kernel_coverage {
	char *version;
	struct kernel_function *function; /* by address */
	size_t functions, room;
	bool failed;
};

#define KERNEL_COVERAGES_MAX 64

struct kernel_coverages {
	pthread_mutex_t lock;
	struct kernel_coverage item[KERNEL_COVERAGES_MAX];
	size_t count;
	size_t left_out; /* profiles of further kernels */
};

#define KERNEL_COVERAGES_NULL ((struct kernel_coverages){ .lock = PTHREAD_MUTEX_INITIALIZER })

/* Adds what one machine executed. May be called by several threads. -ENOMEM. */
int kernel_coverage_add(struct kernel_coverages *c, const char *version, struct symbols *symbols,
			const struct insns *profile);
void kernel_coverages_done(struct kernel_coverages *c);

/* How many ran, and the names of those that did not; a list by kernel: version, functions, functions_run, not_run. */
void kernel_coverage_put_text(const struct kernel_coverages *c, struct buf *out);
json_t *kernel_coverage_json(const struct kernel_coverages *c);

#endif
