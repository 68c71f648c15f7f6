/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * task_names.h -- the names of an observed guest's tasks, by pid: recorded when a task is made, and when it changes its
 * name. The guest does not notice.
 */
#ifndef KTSTR_RUN_TASK_NAMES_H
#define KTSTR_RUN_TASK_NAMES_H

#include "monitor/view.h"
#include "vmm/observe.h"

#define TASK_NAMES_HOOKS 2
#define TASK_NAMES_PIDS	 32768 /* the kernel's usual limit; tasks with a higher pid have no name */
#define TASK_NAME_BYTES	 16

struct task_names {
	struct observe_hook hook[TASK_NAMES_HOOKS];
	unsigned hooks;
	uint32_t first; /* id of the first one */
	char name[TASK_NAMES_PIDS][TASK_NAME_BYTES];
};

/* Finds the hooks, with ids from @first on; a kernel may lack them. NULL: no memory. */
struct task_names *task_names_new(const struct kernel_image *image, uint32_t first);
/* False: the record is of another hook. */
bool task_names_record(struct task_names *n, const struct observe_record *r);
/* Copies the latest name of the task, clean. False: it is not known. */
bool task_names_find(const struct task_names *n, int32_t pid, char out[4 * TASK_NAME_BYTES]);

#endif
