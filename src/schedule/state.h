/* SPDX-License-Identifier: GPL-2.0-only */
/* state.h -- the inside of the schedule model. */
#ifndef KTSTR_SCHEDULE_STATE_H
#define KTSTR_SCHEDULE_STATE_H

#include "base/list.h"
#include "schedule/model.h"

#define PAIRS_MAX 64 /* of waiting tasks, for each end of an idle time */

struct task {
	struct schedule_task public;
	uint32_t serial, index;
	struct list waiting; /* in schedule.waiting, or in schedule.gone */
	bool placed;	     /* its CPU is known */
	bool leaves;	     /* it has left the queue to sleep, but still runs */
	bool woken;
	uint64_t woken_at;	 /* if `woken` */
	uint64_t runnable_since; /* over moves and changes */
	uint32_t runnable_group; /* its group at that time */
	uint64_t allowed_since;	 /* it waits for the CPUs in `allowed` */
	bool allowed_changed;	 /* since it began to wait */
	unsigned allowed_words;	 /* 0: all */
	uint64_t allowed[SCHEDULE_WORDS];
};

struct cpu {
	struct schedule_cpu public;
	uint64_t idle_since; /* if it is idle */
	uint8_t node;
	uint16_t llc;
	bool wanted; /* it is idle, and a task waits that may run there */
	uint64_t wanted_since, wanted_ended;
	/* Of the present time in which it is not used: without what gaps take away, with it, and its begin. */
	uint64_t gathered, wanted_sum, wanted_first;
	struct task *current;
};

struct schedule {
	struct schedule_config config;
	struct cpu *cpu;
	uint64_t idle[SCHEDULE_WORDS]; /* CPUs that are known and idle */
	unsigned words;		       /* of `idle`, that this number of CPUs needs */
	struct task **task;
	unsigned tasks;
	uint32_t next_serial;
	struct task **slot; /* by key: open addressing */
	unsigned slots;
	struct list waiting, gone; /* the longest first */
	struct schedule_group *group;
	unsigned groups;
	struct schedule_sums *total; /* made when somebody asks for it: the sum of all groups */
	struct schedule_idle pairs;
	uint64_t pairs_from;
	struct schedule_losses losses;
	uint64_t now;
	struct schedule_interval *interval; /* a ring of config.intervals */
	uint64_t intervals;		    /* that were added */
	uint64_t forgotten_end;		    /* the latest end of one that was forgotten */
};

/* Counts a negative one. */
uint64_t schedule_span(struct schedule *s, uint64_t from, uint64_t to);

/* --- tasks.c ------------------------------------------------------------------------------------------------------ */

int tasks_init(struct schedule *s);
void tasks_done(struct schedule *s);
/* Finds the task that lives, or makes it. NULL: no room. */
struct task *tasks_get(struct schedule *s, uint64_t key, int32_t pid);
/* The task does not live any more; its key may come again. */
void tasks_end(struct schedule *s, struct task *t);
/* No CPU runs it, although the model thought so: it is not known any more what these CPUs do. */
void tasks_leave_cpus(struct schedule *s, const struct task *t);
/* The index of a group, which is made if there is room. */
uint32_t groups_get(struct schedule *s, uint64_t id);

/* --- idle.c ------------------------------------------------------------------------------------------------------- */

bool idle_may_run(const struct task *t, unsigned cpu);
void idle_cpu_begins(struct schedule *s, unsigned cpu, uint64_t time);
/* The CPU stops to be idle; nothing happens if it was not. */
void idle_cpu_ends(struct schedule *s, unsigned cpu, uint64_t time);
/* It is not known since when the CPU was not idle. */
void idle_forget(struct schedule *s, unsigned cpu);
/* The task, which is in the list of those that wait, begins to wait, or waits for other CPUs from now on. */
void idle_wait_begins(struct schedule *s, const struct task *t, uint64_t time);
/* The task stops to wait, or waits for other CPUs from now on. */
void idle_wait_ends(struct schedule *s, struct task *t, uint64_t time);
/* For how long until @time the CPU that was idle for the longest could have run the task since its wake-up. */
uint64_t idle_since_wakeup(const struct schedule *s, const struct task *t, uint64_t time);

/* --- intervals.c -------------------------------------------------------------------------------------------------- */

void intervals_add(struct schedule *s, const struct task *t, enum schedule_state state, uint64_t start, uint64_t end);

#endif
