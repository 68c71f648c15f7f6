/* SPDX-License-Identifier: GPL-2.0-only */
/* own_delay.h -- the longest time for which a runnable worker waited for a CPU, measured by the worker. */
#ifndef KTSTR_GUEST_OWN_DELAY_H
#define KTSTR_GUEST_OWN_DELAY_H

#include "guest/work/worker.h"

/*
 * Reads the worker's waits for a CPU, and notes the longest one since its last reading. @last: its last checkpoint, in
 * ticks. The first call only reads.
 */
void worker_read_delays(struct ktstr_worker *w, int64_t last);
/* @file: an open /proc/TID/schedstat. Returns false if it cannot be read. */
bool schedstat_read(int file, struct schedstat *ret);

#endif
