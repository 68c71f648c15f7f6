/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * runner.h -- follows a run on Slurm until every test is settled: asks squeue, reads the files of the tasks, and
 * submits lost tests once more. All that it knows is in the directory of the run, so another process can go on with it.
 */
#ifndef KTSTR_SLURM_RUNNER_H
#define KTSTR_SLURM_RUNNER_H

#include "slurm/cluster.h"
#include "slurm/files.h"
#include "slurm/text.h"

#define RUNNER_INTERVAL	    (5 * NSEC_PER_SEC) /* between two questions to squeue */
#define RUNNER_REFUSALS_MAX 60		       /* five minutes */
#define RUNNER_COST_PART    200		       /* following takes at most one part in so many of a CPU */

enum runner_note {
	RUNNER_SILENT,	  /* Slurm does not answer; @text: its error */
	RUNNER_ANSWERS,	  /* it answers again */
	RUNNER_REFUSED,	  /* a further round could not be submitted, which is tried again; @text: the error */
	RUNNER_NOT_TAKEN, /* it was refused each time, and its tests are given up; @text: the error */
	RUNNER_WAITS,	  /* no task runs, and that may stay so; @text: squeue's reason */
	RUNNER_CANCELLED, /* the run is cancelled: nothing more is submitted */
	RUNNER_EXCLUDED,  /* a node is not used for lost tests; @text: its name */
	RUNNER_BUILDS,	  /* kernels are built first; @text: the number of the job */
	RUNNER_BUILT	  /* they are there */
};

struct runner {
	struct reactor *reactor;
	struct slurm_record *record;
	struct cluster cluster;
	struct cluster_submit submit;
	struct follow follow;
	struct task_files files;
	struct buf names;   /* of jobs, for squeue */
	struct buf exclude; /* nodes that lost tests */
	unsigned excluded;
	uint64_t tasks_most;
	bool expand;			/* squeue prints a row for each element of an array */
	bool damaged;			/* of the present answer: a row could not be read */
	bool silent;			/* Slurm did not answer the last time */
	bool unsubmitted;		/* the newest round has arrays that are not submitted */
	unsigned refusals;		/* of the newest round, one after the other */
	char job[SLURM_JOB_NUMBER_MAX]; /* the array that was submitted last */
	char reason[SLURM_REASON_MAX];	/* why a task waits, as the last answer says; "": none does */
	char told_reason[SLURM_REASON_MAX];
	nsec_t interval; /* 0: RUNNER_INTERVAL */
	struct {
		char job[SLURM_JOB_NUMBER_MAX]; /* the job that builds kernels; "": not submitted */
		enum slurm_state state;
		uint8_t late; /* answers of squeue since it ended */
		bool seen, awaited;
	} build;
	/* May be NULL. */
	follow_event_fn *on_event;
	files_result_fn *on_result;
	void (*on_note)(void *data, enum runner_note note, const char *text);
	void *data;
	struct {
		uint64_t questions;
		nsec_t cpu; /* of this process and of squeue */
	} stats;
};

/* @record, the callbacks and `submit` are set by the caller. Adds the record's rounds. */
int runner_init(struct runner *r, struct err **err);
void runner_done(struct runner *r);
/* Divides the tests @which (NULL: all) into tasks of a further round. */
int runner_add_round(struct runner *r, const uint32_t *which, size_t count, struct err **err);
/* Submits the arrays of the newest round that are not submitted. */
int runner_submit(struct runner *r, struct err **err);
/* One question, without consequences: `follow` says how far the run is. */
int runner_look(struct runner *r, struct err **err);
/* One question and all conclusions from it. */
int runner_step(struct runner *r, struct err **err);
/* Until all tests are settled. -ECANCELED: interrupted; the jobs go on. */
int runner_follow(struct runner *r, struct err **err);

#endif
