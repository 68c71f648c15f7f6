/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * result_use.h -- whether a result that a task wrote counts. Slurm ends a job by signals to all its processes, which
 * also end tests that run: such a test did not fail. So a result other than a pass does not count if it was stored
 * after the attempt was told to end, or shortly before, or if nothing shows that the attempt went on after it. Until
 * that is known, such a result waits.
 */
#ifndef KTSTR_SLURM_RESULT_USE_H
#define KTSTR_SLURM_RESULT_USE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

enum result_use { RESULT_COUNTS, RESULT_WAITS, RESULT_VOID };
/* The state of an attempt, as Slurm tells it now. */
enum attempt_life { ATTEMPT_UNKNOWN, ATTEMPT_RUNS, ATTEMPT_ENDED };
enum result_use slurm_result_use(const char *attempt_dir, const json_t *event, const char *sidecar,
				 enum attempt_life life);
/*
 * Is the sidecar a whole regular file, and has it the name and the verdict of the event? A sidecar that is damaged, or
 * that belongs to another test, is no result.
 */
bool slurm_result_is_sound(const json_t *event, const char *sidecar);

/*
 * Failures that were reported stay: a later process may know less of an attempt that has ended than the one which saw
 * it run. They stand in the file REPORTED_FILE of the run, a line each, which processes only append to.
 */
#define REPORTED_FILE "reported"

struct reported_result {
	uint32_t task, attempt, test;
};

struct reported {
	struct reported_result *item; /* those of earlier processes; sorted */
	size_t count;
};

/* Lines that are damaged are left out. -ENOMEM. */
int reported_read(const char *run_dir, struct reported *ret);
void reported_done(struct reported *r);
bool reported_has(const struct reported *r, struct reported_result wanted);
/* If it cannot be written down, the failure is still reported by this process. */
void reported_add(const char *run_dir, struct reported_result result);

#endif
