/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tasks.h -- a task of the guest as a record: who it is, what it waits for and since when, what its scheduling class
 * knows of it, and its kernel stack.
 */
#ifndef KTSTR_MONITOR_TASKS_H
#define KTSTR_MONITOR_TASKS_H

#include "monitor/inspect.h"

#define TASKS_SHOWN_MAX 4096
#define TASKS_SEEN_MAX	200000

/* What decides whether and where a task is shown. */
struct task_brief {
	uint64_t task;
	int32_t pid;
	bool running;	  /* on a CPU */
	bool waiting;	  /* ready to run, but does not */
	bool blocked;	  /* sleeps in the kernel, and no ordinary signal wakes it */
	bool scx;	  /* of class ext */
	int64_t waits_ms; /* -1: unknown */
};

void task_look(struct inspector *in, uint64_t task, struct task_brief *ret);
/* A record. NULL: out of memory. */
json_t *task_record(struct inspector *in, uint64_t task);
/* Name of the task's class: "fair", "rt", "dl", "idle", "stop", "ext"; NULL: unknown. */
const char *task_class(struct inspector *in, uint64_t task);
/* The letter that ps shows for the task's state. */
char task_state_letter(struct inspector *in, uint64_t task);
/* Path of the task's cgroup below the root, printable; "" if it is not known. */
void task_cgroup(struct inspector *in, uint64_t task, char *out, size_t size);
void cgroup_path(struct inspector *in, uint64_t cgroup, char *out, size_t size);
/* What a queue's id is, "LOCAL", "GLOBAL", "LOCAL_ON 3", else the number in hex. */
void dsq_id_text(uint64_t id, char *out, size_t size);

struct task_list {
	/* The longest waiting first, then those that run, then the blocked ones, then the others by pid; owned. */
	struct task_brief *brief;
	unsigned count, seen, waiting, blocked;
	enum walk_end end;
};

/* All tasks that wait, run or are blocked; with @all the other sleeping ones, too. */
int task_list_take(struct inspector *in, bool all, struct task_list *ret);
void task_list_done(struct task_list *l);

#endif
