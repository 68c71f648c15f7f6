/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * follow.h -- what has become of each test of a run on Slurm. A pure state machine: its inputs are the rows of squeue
 * and what the files of the tasks say, its outputs are events and the tests that have to run once more.
 *
 * Each test is settled exactly once: by the first result that arrives, or as given up. A test is lost when its task has
 * ended without its result. A lost test runs once more in another task; a test that is lost FOLLOW_LOSSES_MAX times is
 * given up. A task that is asked to end gives its tests back: they are not lost. Only the test that ran when the time
 * limit came is. Once the run is cancelled, no test runs again.
 */
#ifndef KTSTR_SLURM_FOLLOW_H
#define KTSTR_SLURM_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slurm/divide.h"

#define FOLLOW_LOSSES_MAX   2
#define FOLLOW_GRACE	    3  /* answers of squeue for which the files of an ended task may be late (NFS caches) */
#define FOLLOW_ATTEMPTS_MAX 64 /* of one task; Slurm starts it again */
#define FOLLOW_TASKS_MAX    10 /* tasks that one test may be given to, also when they gave it back each time */

/* States of Slurm's jobs, as far as they differ for us. */
enum slurm_state {
	SLURM_PENDING,
	SLURM_RUNNING,
	SLURM_ENDING,
	SLURM_COMPLETED,
	SLURM_CANCELLED,
	SLURM_PREEMPTED,
	SLURM_TIMEOUT,
	SLURM_OUT_OF_MEMORY,
	SLURM_NODE_FAIL,
	SLURM_FAILED,
	SLURM_GONE, /* squeue does not know it any more */
	SLURM_STATE_MAX,
};

/* What one attempt of a task (a directory) says. */
enum follow_attempt_state {
	FOLLOW_ATTEMPT_OPEN,	  /* it runs, or it died */
	FOLLOW_ATTEMPT_COMPLETE,  /* it wrote its last file: all tests that it could judge have results */
	FOLLOW_ATTEMPT_GIVEN_BACK /* it was asked to end, and did not run the rest */
};

enum follow_answer { FOLLOW_NEW, FOLLOW_AGAIN, FOLLOW_STRANGE };

enum follow_event_kind {
	FOLLOW_RESTARTED, /* Slurm started a task again; @count tests of it are open */
	FOLLOW_LOST,	  /* @count tests have no result: they run once more */
	FOLLOW_RETURNED,  /* @count tests were given back: they run in another task */
	FOLLOW_GIVEN_UP,  /* @count tests have no result and are not run again */
	FOLLOW_EVENTS
};

struct follow_event {
	enum follow_event_kind kind;
	uint32_t task, count;
	enum slurm_state state;
	bool began;	  /* the task has written something */
	const char *node; /* of the task; "": unknown */
};

typedef void follow_event_fn(void *data, const struct follow_event *e);

struct follow_case {
	uint8_t losses, tasks; /* tasks: how many it was given to */
	bool settled, given_up, again;
	enum slurm_state lost_by; /* how the newest task ended that lost it */
	uint32_t task;		  /* the newest task that has it */
	uint32_t begun;		  /* 1 + the newest task that began to run it; 0: none did */
	uint32_t by_task;	  /* whose result counts */
	uint32_t by_attempt;
};

struct follow_task {
	uint32_t *cases;
	uint32_t count, open; /* open: without a result */
	enum slurm_state state;
	uint8_t late; /* answers of squeue since it ended */
	bool seen, settled;
	bool rest_cancelled;	  /* in this answer, what has not begun of its array is cancelled */
	bool held;		  /* not submitted yet: that squeue does not know it means nothing */
	uint32_t attempts;	  /* directories seen, at most FOLLOW_ATTEMPTS_MAX */
	uint64_t ended, returned; /* a bit for each attempt: it said that it ended; it gave tests back */
	char node[SLURM_NODE_NAME_MAX];
};

struct follow {
	struct follow_case *item;
	struct follow_task *task;
	size_t count, tasks, room;
	size_t open;  /* tests that are not settled */
	size_t again; /* tests that wait for another task */
	size_t duplicates, given_up;
	size_t lost;	/* tests that run once more because they were lost */
	bool cancelled; /* no test runs again */
	follow_event_fn *event;
	void *data;
};

/* @count tests. -ENOMEM. */
int follow_init(struct follow *f, size_t count, follow_event_fn *event, void *data);
void follow_done(struct follow *f);
/* A task with these tests. @held: it will be submitted soon. Returns its number, or -ENOMEM. */
int follow_add_task(struct follow *f, const uint32_t *cases, uint32_t count, bool held);
/* The tasks from @first on were submitted. */
void follow_submitted(struct follow *f, uint32_t first, uint32_t count);

/* One whole answer of squeue: begin, a row for each task that it knows, end. Without an answer nothing is concluded. */
void follow_rows_begin(struct follow *f);
void follow_row(struct follow *f, uint32_t task, enum slurm_state state, const char *node);
/* The tasks of an array that have not begun, and have no rows of their own, are cancelled. */
void follow_rest_cancelled(struct follow *f, uint32_t first, uint32_t count);
void follow_rows_end(struct follow *f);

/* The directory of an attempt exists. Call it for the attempts of a task in their order, and again for any of them. */
void follow_attempt(struct follow *f, uint32_t task, uint32_t attempt, enum follow_attempt_state state);
/* The attempt has a result of this test. FOLLOW_NEW: it counts and is to be reported. */
enum follow_answer follow_result(struct follow *f, uint32_t task, uint32_t attempt, uint32_t test);

/* A task began to run this test. */
void follow_begun(struct follow *f, uint32_t task, uint32_t test);

/* May the files of this task still change, or has it to be read? */
bool follow_wants_files(const struct follow *f, uint32_t task);
/* Draws conclusions about tasks that have ended. */
void follow_step(struct follow *f);
/* Copies the tests that must run in another task to @ret (follow.again entries), and forgets them. */
void follow_take_again(struct follow *f, uint32_t *ret);
/* The run is cancelled: tests that wait for another task are given up, and those of tasks when the task ends. */
void follow_cancel(struct follow *f);
static inline bool follow_is_over(const struct follow *f)
{
	return !f->open;
}

/* "was cancelled", "ran out of memory" */
const char *slurm_state_text(enum slurm_state s);
static inline bool slurm_state_ended(enum slurm_state s)
{
	return s >= SLURM_COMPLETED;
}

#endif
