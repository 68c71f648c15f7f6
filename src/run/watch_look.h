/* SPDX-License-Identifier: GPL-2.0-only */
/* watch_look.h -- what a watch sees of its guest at one moment, whether that stands still or runs on. */
#ifndef KTSTR_RUN_WATCH_LOOK_H
#define KTSTR_RUN_WATCH_LOOK_H

#include "run/watch.h"

/* Finds the kernel in the guest's memory, or finds it again. Returns NULL, or why it cannot be read. */
const char *watch_find_kernel(struct watch *w, const struct guestmem *memory);
struct inspect_config watch_inspect(struct watch *w);
/* For those who unwind stacks. */
struct inspect_config watch_inspect_stacks(struct watch *w);
/* A new reference. */
json_t *watch_dump(struct watch *w, const char *reason, const struct guestmem *memory);
/* For the offload pool, while the guest stands still: the dump of a failure, or one that the test asked for. */
int watch_dump_job(void *watch);
/*
 * A task of the scheduler waits for a CPU for too long: nobody else will see the queues as they are now. @held: how
 * much of the guest's time is none of the scheduler's.
 */
bool watch_is_stalled(struct watch *w, nsec_t held);

#endif
