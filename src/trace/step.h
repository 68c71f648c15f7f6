/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * step.h -- a recorded schedule, step by step: each event, with what the model knows of its tasks and its CPU at that
 * moment. All that is shown of a schedule (words, traces, pictures) is made of these steps.
 */
#ifndef KTSTR_TRACE_STEP_H
#define KTSTR_TRACE_STEP_H

#include "schedule/log_reader.h"
#include "schedule/model.h"

enum step_kind {
	STEP_NONE,   /* nothing that is worth a line */
	STEP_SWITCH, /* the CPU goes from one task to another */
	STEP_READY,  /* a task wakes up, or is new, and waits for this CPU */
	STEP_MOVES,  /* a task that waits moves to this CPU */
	STEP_OFFLINE,
	STEP_ONLINE,
};

/* A wake-up, and what ran where it was made: that task made it, or an interrupt that came meanwhile. */
struct step_wake {
	uint64_t key; /* of the task that was woken; 0: there was none */
	uint64_t time_ns;
	uint32_t cpu;
	int32_t by; /* 0: the CPU was idle, so it was an interrupt */
};

struct step_task {
	int32_t pid;	/* 0: none, the CPU is idle */
	uint64_t group; /* id; 0: unknown */
};

struct step {
	enum step_kind kind;
	uint64_t time_ns;
	uint32_t cpu;
	struct step_task task; /* of a switch: the one that leaves; 0: the CPU was idle */
	uint64_t since_ns;     /* SWITCH: since when it ran, or the CPU was idle; READY: since when it slept */
	bool since_known;
	enum schedule_state becomes; /* SWITCH: RUNNABLE (preempted), SLEEPING or GONE */
	struct step_task next;	     /* SWITCH; 0: the CPU becomes idle */
	uint64_t next_since_ns;	     /* since when it waited; MOVES: the same of @task */
	bool next_known;
	struct step_wake wake; /* READY: of @task; SWITCH: of @next, if it was woken */
	uint32_t from_cpu;     /* MOVES */
	/* SWITCH: tasks that wait and may run on this CPU, and that which waits longest. */
	unsigned waiting;
	struct step_task longest;
	uint64_t longest_since_ns;
};

#define STEP_WAKES 4096

/* Between two events. */
struct stepper {
	struct schedule_log_reader *reader; /* borrowed */
	struct schedule *model;
	struct step_wake wake[STEP_WAKES]; /* the latest ones, by key */
	uint64_t events;
};

int stepper_new(struct schedule_log_reader *reader, struct stepper **ret);
void stepper_free(struct stepper *s);
DEFINE_CLEANUP(struct stepper *, stepper_free)
/* Reads the next event: 1, and *@ret is its step; 0: there are no more; -EBADMSG. */
int stepper_next(struct stepper *s, struct step *ret, struct err **err);
/* What @cpu does since when, after the last event: its task, or pid 0 for idle. False: that is not known. */
bool stepper_current(const struct stepper *s, unsigned cpu, struct step_task *ret, uint64_t *since_ns);

#endif
