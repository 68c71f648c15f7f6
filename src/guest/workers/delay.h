/* SPDX-License-Identifier: GPL-2.0-only */
/* delay.h -- the longest time for which a runnable worker waited for a CPU. */
#ifndef KTSTR_GUEST_DELAY_H
#define KTSTR_GUEST_DELAY_H

#include "guest/workers/worker_set.h"

/* Reads the workers' waiting times if a reading is due. Returns the time of the next reading. */
nsec_t worker_set_sample(struct worker_set *c);
/* Takes the last reading of a worker that has ended. */
void worker_set_sample_last(struct worker_process *m, const struct worker_slot *s);

#endif
