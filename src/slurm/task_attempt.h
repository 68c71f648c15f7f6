/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * task_attempt.h -- one attempt of a task of a run on Slurm, on its node. Its results go to a directory of its own. A
 * task that Slurm starts again runs what earlier attempts left.
 */
#ifndef KTSTR_SLURM_TASK_ATTEMPT_H
#define KTSTR_SLURM_TASK_ATTEMPT_H

#include "reactor/reactor.h"
#include "slurm/record.h"

struct task_attempt {
	struct slurm_record record;
	uint32_t number; /* of the task */
	const json_t *task;
	char *dir;	    /* of this attempt */
	const char **names; /* of the tests to run, sorted; borrowed strings */
	size_t count;
	unsigned died; /* earlier attempts that ended without saying so */
};

/* Claims the next attempt of the task @number of the run in @dir. */
int task_attempt_open(struct task_attempt *t, const char *dir, const char *number, struct err **err);
void task_attempt_done(struct task_attempt *t);
/* Tests remain, and the task did not die too often. */
bool task_attempt_has_work(const struct task_attempt *t);

/*
 * Sees to it that this node's cache has the kernels of the task's tests. Returns them as the value of
 * KTSTR_KERNEL_LIST, which the caller frees, or NULL with the error in *@ret. Waits where another task of this node
 * copies the same kernel; @r is interrupted by signals (interrupt.h).
 */
int task_attempt_kernels(const struct task_attempt *t, struct reactor *r, char **ret, struct err **err);

/*
 * The words of the run's command for this attempt. NULL: out of memory. The caller frees them (strings_free()).
 */
char **task_attempt_words(const struct task_attempt *t);

/*
 * Forks before anything else is started. In the child, *@ret_child is true, and the caller runs the tests. The parent
 * returns when the child has ended and done.json is written: an exit status, or an error. Slurm's signals reach both
 * processes; the parent notes the first one of them at once, because tests that fail from then on were ended by it.
 */
int task_attempt_guard(const struct task_attempt *t, bool *ret_child, struct err **err);

#endif
