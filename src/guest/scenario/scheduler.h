/* SPDX-License-Identifier: GPL-2.0-only */
/* scheduler.h -- changes of the scheduler at the request of a scenario. */
#ifndef KTSTR_GUEST_SCENARIO_SCHEDULER_H
#define KTSTR_GUEST_SCENARIO_SCHEDULER_H

#include "guest/scenario/stage.h"

/* Asks PID 1 to change the scheduler and waits for the answer. */
int stage_scheduler(struct stage *s, const struct ktstr_op *op, struct err **err);

#endif
