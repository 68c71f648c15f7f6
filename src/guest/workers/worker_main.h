/* SPDX-License-Identifier: GPL-2.0-only */
/* worker_main.h -- what a process or thread of a worker set runs. */
#ifndef KTSTR_GUEST_WORKER_MAIN_H
#define KTSTR_GUEST_WORKER_MAIN_H

#include "guest/workers/worker_set.h"

/* The first worker of the load of worker @i. */
size_t first_of_load(const struct worker_set *c, size_t i);
/* The main function of a worker's process or thread. */
void worker_main(struct worker_set *c, size_t i) __attribute__((noreturn));

#endif
