/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * record.h -- the directory of a run on Slurm: what the submitting host and the tasks share.
 *
 *   manifest.json      what is run: tests, kernels, options. Written once.
 *   round-1.json ...   tasks and their tests. Round 1 has all tests; further ones those that were lost. Written once.
 *   bin/ktstr          the program that tasks run; tests/, schedulers/, kernels/, sources/: files that nodes may lack
 *   built.json         what became of kernels that a job of the run builds (built.h); build-job: its number
 *   nodes/NAME.json    what a node of the cluster answered (nodes.h)
 *   tasks/N/A/         attempt A of task N: sidecars, events.ndjson, at its end done.json; "ending" when told to end
 *   logs/              output of the tasks
 *   cancelled          the user cancelled the run
 *
 * Every file appears by one rename or is appended to by one process, and nothing is locked, so the directory may be on
 * NFS. Tasks are numbered through all rounds. A job's name tells the number of the first task of its array.
 */
#ifndef KTSTR_SLURM_RECORD_H
#define KTSTR_SLURM_RECORD_H

#include <jansson.h>

#include "base/err.h"
#include "slurm/divide.h"

#define SLURM_VERSION	 1
#define SLURM_ROUNDS_MAX 64
#define EVENTS_FILE	 "events.ndjson"
#define DONE_FILE	 "done.json"
#define ENDING_FILE	 "ending"
#define CANCELLED_FILE	 "cancelled" /* of the run */

struct slurm_record {
	char *dir, *id;
	json_t *manifest;
	json_t *names; /* {name of a test: its index} */
	json_t *round[SLURM_ROUNDS_MAX];
	unsigned rounds;
	size_t count; /* tests */
	uint32_t tasks;
};

struct slurm_case {
	const char *name, *suite, *topology, *scheduler, *kernel_label;
	uint64_t kernel; /* index in "kernels" */
	struct divide_need need;
};

/* Directory of all runs on Slurm: slurm in the directory of runs, hidden. The caller frees. */
char *slurm_root(const char *runs_root);

/* Creates the directory @dir and its subdirectories. */
int slurm_record_create(const char *dir, struct err **err);
/* Takes over @manifest (which may be NULL: out of memory) and writes it. */
int slurm_record_start(struct slurm_record *r, const char *dir, json_t *manifest, struct err **err);
/* Reads the manifest and all rounds. */
int slurm_record_open(struct slurm_record *ret, const char *dir, struct err **err);
void slurm_record_done(struct slurm_record *r);

/* Text of the manifest; "" if it is not there. */
const char *slurm_record_text(const struct slurm_record *r, const char *key);
void slurm_record_case(const struct slurm_record *r, size_t i, struct slurm_case *ret);
/* The index of the test of this name; -ENOENT. */
int slurm_record_find(const struct slurm_record *r, const char *name);

/*
 * Appends a round and writes it. -EEXIST: another process has written a round of this number, which is read; it submits
 * the arrays of that round. @which: the tests that the division's indices mean; NULL: all. An array is a sequence
 * of tasks with equal needs, at most @array_most of them.
 */
int slurm_record_add_round(struct slurm_record *r, const struct division *d, const uint32_t *which, uint32_t array_most,
			   struct err **err);

/* Tests of a task, which borrow from the record; NULL: no such task. */
const json_t *slurm_record_task(const struct slurm_record *r, uint32_t task);
/* "{dir}/tasks/{task}[/{attempt}]"; the caller frees. @attempt < 0: without. */
char *slurm_task_path(const struct slurm_record *r, uint32_t task, int attempt);
/* The output of a task, "{dir}/logs/JOB.{index}.log"; NULL: out of memory. The caller frees. */
char *slurm_task_log(const struct slurm_record *r, uint32_t task);
/* Has a user cancelled the run? */
bool slurm_is_cancelled(const struct slurm_record *r);
/* The name of the job whose first task is @first. */
void slurm_job_name(const struct slurm_record *r, uint32_t first, char *out, size_t size);
/* The name of a job of the run that has no tasks, such as "build". */
void slurm_side_job_name(const struct slurm_record *r, const char *what, char *out, size_t size);
void slurm_probe_job_name(const struct slurm_record *r, const char *node, char *out, size_t size);
/* How many tasks the array has that begins with task @first; 0: no array does. */
uint32_t slurm_array_length(const struct slurm_record *r, uint32_t first);
/* The first task of the job of this name; -ENOENT: it is not of this run, or has no tasks. */
int64_t slurm_job_first(const struct slurm_record *r, const char *name);

#endif
