/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * queues.h -- run queues, the dispatch queues of sched_ext with their tasks, and the state of the scheduler that is
 * loaded. Kernels before 6.16 keep that state in variables of the kernel, later ones in struct scx_sched.
 */
#ifndef KTSTR_MONITOR_QUEUES_H
#define KTSTR_MONITOR_QUEUES_H

#include "monitor/inspect.h"

#define DSQ_COUNT_MAX 8192
#define DSQ_TASKS_MAX 4096

/* Of each CPU; an array of objects. */
json_t *queues_cpus(struct inspector *in);
/* CPU time, interrupts and softirqs of each CPU. */
json_t *queues_cpu_times(struct inspector *in);
/* Dispatch queues that exist, with their tasks. @why: if there are none, why. */
json_t *queues_dispatch(struct inspector *in, const char **why);
/* State of the scheduler. NULL and @why: this kernel has no sched_ext. */
json_t *queues_scheduler(struct inspector *in, const char **why);
/* Why the scheduler ended, with its backtrace. NULL and @why: it did not. */
json_t *queues_exit(struct inspector *in, const char **why);

#endif
