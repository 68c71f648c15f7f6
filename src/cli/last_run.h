/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * last_run.h -- what the newest run was asked for and which tests it planned, in a file beside its results. `ktstr
 * replay` reads it, because a test that never started has no result of its own.
 */
#ifndef KTSTR_CLI_LAST_RUN_H
#define KTSTR_CLI_LAST_RUN_H

#include "cli/test_session.h"

#define LAST_RUN_FILE ".last-run.json"

/*
 * Adds the planned tests of the kernels from `first` on, and writes the file. A replay changes only where the file says
 * that the results of its tests are.
 */
int last_run_write(struct session *s, const struct test_args *a, struct err **err);
/*
 * For a run on a cluster: what the file will say, without the directories of the results. NULL: out of memory, or not
 * representable.
 */
json_t *last_run_describe(const struct session *s, const struct test_args *a);
/*
 * Completes such a record, in which the tests of the n-th kernel have their results in the n-th of @dir, and writes it.
 */
int last_run_write_described(json_t *record, const struct rundir *dir, const char *const *kernel_names, size_t kernels,
			     struct err **err);
/*
 * Reads the file in the directory @root. Every key that is used is checked here: "directory", "seed" (strings),
 * "words", "paths", "kernels", "tests" (arrays of strings or objects), "environment" (an object of strings).
 */
int last_run_read(const char *root, json_t **ret, struct err **err);
/*
 * last_run_new.c: lists the suites of the run again, and adds to @record the tests that it does not have. ERR_USAGE:
 * the run was only a part of its tests, so those that it left out cannot be told from new ones.
 */
int last_run_add_new(json_t *record, struct err **err);
/* Where the file is now: KTSTR_SIDECAR_DIR, else the directory of all runs. The caller frees it. */
char *last_run_root(void);

#endif
