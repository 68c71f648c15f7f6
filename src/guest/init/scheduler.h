/* SPDX-License-Identifier: GPL-2.0-only */
/* scheduler.h -- starts the scheduler under test, waits until it attaches, and stops it. */
#ifndef KTSTR_GUEST_INIT_SCHEDULER_H
#define KTSTR_GUEST_INIT_SCHEDULER_H

#include "guest/init/init.h"

/* Waits until it is attached. Returns false, with a record in the log, if it failed to attach. */
bool scheduler_await(struct init *i);
void scheduler_stop(struct init *i);
/* Executes the test's request (i->request) and answers it. */
void scheduler_serve(struct init *i);

#endif
