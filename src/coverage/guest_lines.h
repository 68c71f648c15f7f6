/* SPDX-License-Identifier: GPL-2.0-only */
/* guest_lines.h -- counts how often lines of BPF programs and of kernels were executed in the guests of a run. */
#ifndef KTSTR_COVERAGE_GUEST_LINES_H
#define KTSTR_COVERAGE_GUEST_LINES_H

#include <pthread.h>

#include "coverage/lines.h"

struct guest_coverage {
	pthread_mutex_t lock;
	struct coverage_lines lines;
};

#define GUEST_COVERAGE_NULL ((struct guest_coverage){ .lock = PTHREAD_MUTEX_INITIALIZER })

/* Adds what one machine executed. May be called by several threads. -ENOMEM. */
int guest_coverage_add(struct guest_coverage *c, const struct coverage_lines *machine);
void guest_coverage_done(struct guest_coverage *c);

#endif
