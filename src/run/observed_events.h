/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * observed_events.h -- from records of an observed guest to events of the schedule model: which functions of the
 * guest's kernel are hooked, what is read there, and what that means. Nothing depends on when the host looks.
 */
#ifndef KTSTR_RUN_OBSERVED_EVENTS_H
#define KTSTR_RUN_OBSERVED_EVENTS_H

#include "monitor/view.h"
#include "schedule/event.h"
#include "vmm/observe.h"

#define OBSERVED_EVENTS_MAX   24
#define OBSERVED_EVENTS_FIRST 1000 /* id of the first hook */

struct observed_events {
	unsigned cpus, hooks;
	bool clocks;
	struct observe_hook hook[OBSERVED_EVENTS_MAX];
	uint8_t row[OBSERVED_EVENTS_MAX]; /* of the table */
};

/*
 * Finds the hooks of a kernel that is not randomised, for a machine with @cpus. @clocks: also read the clocks of which
 * the kernel makes its own statistics, and count ticks. Returns NULL, or the symbol or member
 * that it does not have (static text).
 */
const char *observed_events_find(struct observed_events *o, const struct kernel_image *image, unsigned cpus,
				 bool clocks);
/*
 * False: the record is not of these hooks, or nothing happened (a wake-up of a task that is awake, a move to the same
 * CPU).
 */
bool observed_events_read(const struct observed_events *o, const struct observe_record *r, struct schedule_event *ret);

#endif
