/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model.h -- what each task and each CPU did, exactly, from the events of a scheduler: pure, incremental, and of
 * bounded memory. What does not fit is counted, and every reader can see it.
 *
 * Events come in the order in which they happened. Their times need not grow: clocks of two CPUs may differ by a few
 * microseconds. A duration that would be negative because of that is 0.
 */
#ifndef KTSTR_SCHEDULE_MODEL_H
#define KTSTR_SCHEDULE_MODEL_H

#include <stdbool.h>

#include "schedule/event.h"
#include "schedule/spread.h"

struct schedule_config {
	unsigned cpus;	     /* 1 .. SCHEDULE_CPUS_MAX */
	unsigned tasks;	     /* that are remembered, the ended ones too; 0: 4096 */
	unsigned groups;     /* 0: 256; further ones share the entry of id 0 */
	unsigned intervals;  /* 0: 2^18 (10 MiB) */
	const uint8_t *node; /* of each CPU; NULL: one node. Idle CPUs of other nodes do not count */
	const uint16_t *llc; /* of each CPU; NULL: one LLC */
	uint64_t idle_ns;    /* a CPU may be idle for so long while a task waits that could run there */
};

enum schedule_state { SCHEDULE_UNKNOWN, SCHEDULE_SLEEPING, SCHEDULE_RUNNABLE, SCHEDULE_RUNNING, SCHEDULE_GONE };

/* How far a task moves. */
enum schedule_distance { SCHEDULE_WITHIN_LLC, SCHEDULE_ACROSS_LLCS, SCHEDULE_ACROSS_NODES, SCHEDULE_DISTANCES };

/* Sums of a task, of a group, or of all tasks. */
struct schedule_sums {
	uint64_t runs;			    /* how often a CPU switched to it */
	uint64_t preempted;		    /* how often it left a CPU although it could run on */
	uint64_t migrations;		    /* moves to another CPU */
	uint64_t moved[SCHEDULE_DISTANCES]; /* those from a CPU that is known */
	struct spread slice;		    /* durations on a CPU; the sum is the run time */
	struct spread wait;		    /* from when it could run until it ran */
	struct spread wakeup;		    /* from a wake-up until it ran; a part of it is also a wait */
	/* How much of that time one and the same CPU was idle on which it may run: as long as the longest such CPU. */
	struct spread idle_wakeup;
};

/*
 * The same as the kernel counts it, by the clock of its run queues: sched_info.run_delay and .pcount, se.nr_migrations,
 * se.sum_exec_runtime. The kernel also leaves out waits of tasks that are preempted while they prepare to sleep, and
 * what passes between two queues.
 */
struct schedule_kernel_sums {
	uint64_t run_ns, wait_ns, runs, migrations;
	uint64_t queued_since, on_since; /* by the queue's clock, and by its clock of tasks; 0: it is not */
};

/* A CPU was idle while a task waited that could run there. */
struct schedule_idle {
	uint64_t count; /* of such pairs that lasted longer than config.idle_ns */
	uint64_t longest_ns, end_ns;
	uint32_t cpu;
	int32_t pid;
};

/* A task began to run on a CPU that was not allowed to it, and had not been since it began to wait. */
struct schedule_outside {
	uint64_t count, time_ns; /* `time_ns`, `cpu`: of the first */
	uint32_t cpu;
};

struct schedule_task {
	uint64_t key;
	int32_t pid;
	enum schedule_state state;
	enum schedule_class task_class;
	uint32_t cpu;		     /* on which it is, or was last */
	uint32_t group;		     /* index */
	uint32_t longest_wait_group; /* the group in which it was when its longest wait began that has ended */
	uint64_t since;		     /* of its state */
	struct schedule_sums sums;
	struct schedule_kernel_sums kernel;
	struct schedule_idle idle; /* its own pairs */
	struct schedule_outside outside;
};

struct schedule_group {
	uint64_t id;
	struct schedule_sums sums;
};

/*
 * A CPU was idle, and at every moment of this time some task waited that may run there. Only ordinary tasks (fair and
 * ext) of a control group count, and not those of the root group, to which the kernel's threads belong. The time may
 * have short gaps, each of which takes four times its length from `gathered_ns`.
 */
struct schedule_unused {
	uint64_t gathered_ns;	   /* of the time with the most; without gaps it is all of it */
	uint64_t idle_ns;	   /* in this time, without the gaps */
	uint64_t first_ns, end_ns; /* when it began and ended */
	int32_t pid;		   /* of the task with which it ended */
};

struct schedule_cpu {
	bool known;			     /* it has switched */
	bool offline;			     /* it takes no tasks, so it does not count as idle */
	uint64_t since;			     /* the last switch */
	uint64_t busy_ns, ticks;	     /* without what runs at present */
	const struct schedule_task *current; /* NULL: idle */
	struct schedule_unused unused;
};

/* What the figures do not contain. */
struct schedule_losses {
	uint64_t events;    /* without meaning: of an unknown CPU or kind, or without a task */
	uint64_t tasks;	    /* ended ones that were forgotten, for room; groups and totals still have them */
	uint64_t no_room;   /* events of tasks for which there was no room */
	uint64_t groups;    /* ids that share the entry of id 0 */
	uint64_t intervals; /* that were forgotten, the oldest first */
	uint64_t gaps;	    /* switches from a task that was not known to run there */
	uint64_t pairs;	    /* of idle CPUs and waiting tasks that were not looked at, since there were too many */
	uint64_t backwards; /* durations that were negative, because of the clocks of two CPUs */
};

/* A task ran, or could run and waited, on a CPU. What is between them it slept. */
struct schedule_interval {
	uint64_t start, end;
	uint32_t serial; /* of the task: grows with each new one */
	int32_t pid;
	uint32_t cpu;
	uint16_t group; /* index */
	uint8_t state;	/* SCHEDULE_RUNNING or SCHEDULE_RUNNABLE */
	uint8_t task_class;
};

struct schedule;

/* -EINVAL: the number of CPUs is out of range. */
int schedule_new(const struct schedule_config *config, struct schedule **ret);
void schedule_free(struct schedule *s);
void schedule_add(struct schedule *s, const struct schedule_event *e);
/* Idle CPUs and waiting tasks count from @time on: what the guest did before, such as its boot, does not matter. */
void schedule_watch_idle(struct schedule *s, uint64_t time);

/* --- readers ------------------------------------------------------------------------------------------------------ */

uint64_t schedule_now(const struct schedule *s); /* the latest time of an event */
unsigned schedule_tasks(const struct schedule *s);
const struct schedule_task *schedule_task(const struct schedule *s, unsigned index);
/* The task that has this pid, or had it last; NULL: none. */
const struct schedule_task *schedule_find(const struct schedule *s, int32_t pid);
/* The task that lives and has this key; NULL: none. */
const struct schedule_task *schedule_find_key(const struct schedule *s, uint64_t key);
/* Since when a runnable task waits, over moves and changes. */
uint64_t schedule_waits_since(const struct schedule_task *t);
/* How many tasks wait that may run on the CPU, at most 64 of them; *@ret: that which waits longest; NULL: none. */
unsigned schedule_waiting_for(const struct schedule *s, unsigned cpu, const struct schedule_task **ret);
unsigned schedule_groups(const struct schedule *s); /* entry 0 has the tasks without a known group */
const struct schedule_group *schedule_group(const struct schedule *s, unsigned index);
const struct schedule_cpu *schedule_cpu(const struct schedule *s, unsigned cpu);
const struct schedule_losses *schedule_losses(const struct schedule *s);
/* Sums up all groups; valid until the next call. */
const struct schedule_sums *schedule_total(const struct schedule *s);
/* Also counts what lasts at schedule_now(). */
struct schedule_idle schedule_idle_while_runnable(const struct schedule *s);
/* The same for one task. */
struct schedule_idle schedule_task_idle(const struct schedule *s, const struct schedule_task *t);
/* The longest such time of the CPU; also one that lasts. */
struct schedule_unused schedule_unused(const struct schedule *s, unsigned cpu);
/* The longest wait of the task so far, also one that lasts. */
uint64_t schedule_longest_wait(const struct schedule *s, const struct schedule_task *t);
/* The index of the group in which the task was when that wait began. */
uint32_t schedule_longest_wait_group(const struct schedule *s, const struct schedule_task *t);

/* --- windows ------------------------------------------------------------------------------------------------------ */

enum { SCHEDULE_ANY = -1 };

/* Of which intervals; SCHEDULE_ANY: of all. */
struct schedule_filter {
	int64_t pid, group, cpu;
	enum schedule_state state; /* SCHEDULE_RUNNING or SCHEDULE_RUNNABLE */
};

/*
 * Calls @fn for each interval that has a part between @from and @to, clipped to it, in the order of their ends; those
 * that last come last. -ERANGE: some that may be in the window were forgotten. Stops when @fn does not return 0.
 */
int schedule_walk(const struct schedule *s, const struct schedule_filter *f, uint64_t from, uint64_t to,
		  int (*fn)(void *data, const struct schedule_interval *i), void *data);
/* Their sum in ns. */
int schedule_time(const struct schedule *s, const struct schedule_filter *f, uint64_t from, uint64_t to, uint64_t *ret);

#endif
