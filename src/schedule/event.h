/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * event.h -- what a scheduler did, as the schedule model takes it. Where events come from (an observed guest, a trace)
 * is not known here.
 */
#ifndef KTSTR_SCHEDULE_EVENT_H
#define KTSTR_SCHEDULE_EVENT_H

#include <stdint.h>

#define SCHEDULE_CPUS_MAX 512
#define SCHEDULE_WORDS	  (SCHEDULE_CPUS_MAX / 64)

enum schedule_kind {
	SCHEDULE_SWITCH,  /* @cpu goes from @task to @next */
	SCHEDULE_WAKE,	  /* somebody wakes @task, which sleeps; @cpu executes it. An ENQUEUE follows */
	SCHEDULE_ENQUEUE, /* @task enters the queue of @cpu */
	SCHEDULE_DEQUEUE, /* @task leaves the queue of @cpu; it may still run there until the next switch */
	SCHEDULE_MIGRATE, /* @task now belongs to @cpu */
	SCHEDULE_GROUP,	  /* @task is now in @group */
	SCHEDULE_TICK,	  /* @cpu had its timer tick */
	SCHEDULE_OFFLINE, /* @cpu takes no tasks any more */
	SCHEDULE_ONLINE,  /* @cpu takes tasks; all do at the begin */
	SCHEDULE_KIND_COUNT,
};

/* Why a task enters or leaves a queue. */
enum schedule_reason {
	SCHEDULE_SLEEP,	 /* it wakes up, is new, or falls asleep */
	SCHEDULE_MOVE,	 /* it goes from one queue to another, awake or asleep */
	SCHEDULE_CHANGE, /* its class, priority, CPUs or group change; it enters again at once */
	SCHEDULE_REASON_COUNT,
};

/* What a task that leaves its CPU says of itself. */
enum schedule_leaving {
	SCHEDULE_RUNS,	 /* it wants to go on */
	SCHEDULE_SLEEPS, /* it prepares to sleep; only a DEQUEUE tells that it does */
	SCHEDULE_DEAD,	 /* it never runs again */
};

enum schedule_class {
	SCHEDULE_CLASS_UNKNOWN,
	SCHEDULE_CLASS_STOP,
	SCHEDULE_CLASS_DEADLINE,
	SCHEDULE_CLASS_REALTIME,
	SCHEDULE_CLASS_FAIR,
	SCHEDULE_CLASS_EXT,
	SCHEDULE_CLASS_IDLE,
	SCHEDULE_CLASS_COUNT,
};

struct schedule_event {
	uint64_t time_ns;
	uint64_t clock_ns; /* of the kernel's run queue of @cpu, from which it makes its own statistics; 0: unknown */
	/*
	 * SWITCH, for the kernel's count of run time: the queue's clock of tasks, and the value that it had when the
	 * kernel last charged @task. 0: unknown.
	 */
	uint64_t task_clock_ns, charged_ns;
	uint32_t kind; /* enum schedule_kind */
	uint32_t cpu;
	/* Identifies a task while it lives; 0: the idle task, only in a switch. */
	uint64_t task, next;
	int32_t pid, next_pid;		  /* 0: unknown */
	uint64_t group;			  /* ENQUEUE: of @task; GROUP: the new one; 0: unknown */
	uint8_t reason;			  /* ENQUEUE, DEQUEUE */
	uint8_t leaving;		  /* SWITCH: of @task */
	uint8_t task_class;		  /* ENQUEUE, DEQUEUE */
	uint8_t allowed_words;		  /* of @allowed; 0: unknown. ENQUEUE and SWITCH: of @task */
	uint64_t allowed[SCHEDULE_WORDS]; /* CPUs on which it may run */
};

#endif
