/* SPDX-License-Identifier: GPL-2.0-only */
/* stall.h -- how long the tasks of sched_ext have waited, by the kernel's own clock, before its watchdog says so. */
#ifndef KTSTR_MONITOR_STALL_H
#define KTSTR_MONITOR_STALL_H

#include "monitor/walk.h"

/* Members that a scan reads; looked up once for a kernel. */
struct stall_fields {
	struct field list, node, since, pid, comm; /* list in struct rq; the others in struct task_struct */
};

void stall_find_fields(struct stall_fields *f, const struct types *types);

struct stall {
	bool supported;	      /* false: this kernel has no list of such tasks; nothing else is set */
	enum walk_end end;    /* the worst of all CPUs */
	unsigned runnable;    /* tasks that wait for a CPU */
	uint64_t age_jiffies; /* of the one that became runnable first */
	uint64_t task;	      /* its task_struct; 0: no task is runnable */
	int32_t pid;
	char comm[16]; /* raw */
	unsigned cpu;  /* on whose list it is */
	bool has_watchdog;
	uint64_t watchdog_age_jiffies; /* since the kernel's watchdog last ran; only meaningful with a scheduler */
};

/* Reads at most @cap tasks. The view was refreshed. */
void stall_scan(const struct stall_fields *f, struct view *v, unsigned cap, struct stall *ret);

#endif
