/* SPDX-License-Identifier: GPL-2.0-only */
/* sched_state.h -- the state of the scheduler under test, its records, and its loss. */
#ifndef KTSTR_GUEST_INIT_SCHED_STATE_H
#define KTSTR_GUEST_INIT_SCHED_STATE_H

#include "guest/init/init.h"

bool scheduler_supported(void);
bool scheduler_enabled(void);
/* True if its process has begun to exit, even if it cannot be waited for yet. */
bool scheduler_is_exiting(const struct init *i);
void scheduler_event(struct init *i, enum wire_sched_event event);
/* Handles the loss of the scheduler during the test: the kernel disabled it, or its process ended. */
void scheduler_gone(struct init *i, enum wire_sched_event event);

#endif
