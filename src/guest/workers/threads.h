/* SPDX-License-Identifier: GPL-2.0-only */
/* threads.h -- loads whose workers are threads of one process. */
#ifndef KTSTR_GUEST_THREADS_H
#define KTSTR_GUEST_THREADS_H

#include "guest/workers/worker_set.h"

/* Starts all workers of @first's load as threads of one process, each waiting for its batch. */
int worker_set_start_threads(struct worker_set *c, size_t first, unsigned count, struct err **err);

#endif
