/* SPDX-License-Identifier: GPL-2.0-only */
/* programs.h -- counts how often the lines of BPF programs were executed in the guests of a run. */
#ifndef KTSTR_COVERAGE_PROGRAMS_H
#define KTSTR_COVERAGE_PROGRAMS_H

#include <pthread.h>

#include "coverage/lines.h"

struct program_coverage {
	pthread_mutex_t lock;
	struct coverage_lines lines;
};

#define PROGRAM_COVERAGE_NULL ((struct program_coverage){ .lock = PTHREAD_MUTEX_INITIALIZER })

/* Adds what one machine executed. May be called by several threads. -ENOMEM. */
int program_coverage_add(struct program_coverage *c, const struct coverage_lines *machine);
void program_coverage_done(struct program_coverage *c);

#endif
