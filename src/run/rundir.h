/* SPDX-License-Identifier: GPL-2.0-only */
/* rundir.h -- the directory for the sidecars of a run, and its lock. */
#ifndef KTSTR_RUN_RUNDIR_H
#define KTSTR_RUN_RUNDIR_H

#include <stdbool.h>

#include "base/err.h"
#include "base/result_name.h"
#include "run/checkout.h"
#include "run/plan.h"

struct rundir {
	char *path; /* {root}/{kernel}-{commit}, or KTSTR_SIDECAR_DIR */
	char *id;   /* last component of `path` */
	char commit[COMMIT_TEXT_MAX];
	int fd;	      /* the directory; files are opened relative to it, not by `path` */
	int lock_fd;  /* exclusive lock for the whole run; -1 for KTSTR_SIDECAR_DIR */
	size_t lost;  /* earlier results of tests that this run does not repeat, moved or removed */
	size_t moved; /* files of earlier results that were moved to .history */
};

/* What a run repeats, and so which earlier results it removes. */
struct rundir_scope {
	const char *const *suites; /* names of test binaries, NULL-terminated */
	const struct plan *plan;
	bool narrowed; /* the plan is only a part of the suites' tests: other tests keep their results */
	unsigned keep; /* earlier runs that are kept in .history; 0: their results are removed */
};

#define RUNDIR_NULL ((struct rundir){ .fd = -1, .lock_fd = -1 })

/*
 * Opens KTSTR_SIDECAR_DIR as it is, else a directory below rundir_root(). Takes its lock (waits up to 30 s, then names
 * the holder) and moves the results of earlier runs to .history: sidecars and reports; memory images are removed. A
 * narrowed run moves only the results of the tests in its plan. All suites outside git share a directory without a
 * commit: there a run moves only the results of its own suites. It neither locks nor clears KTSTR_SIDECAR_DIR. @commit:
 * from checkout_commit().
 * Blocks. Refuses a directory in which other users could create links (dir_open()).
 */
int rundir_open(const char *kernel_version, const char *commit, const struct rundir_scope *scope, struct rundir *ret,
		struct err **err);
void rundir_done(struct rundir *d);
/* May other suites use the same directory? True without a commit and without KTSTR_SIDECAR_DIR. */
bool rundir_is_shared(const char *commit);
/* Directory of build results: CARGO_TARGET_DIR, else "target". */
const char *target_dir(void);
/* Parent of run directories: KTSTR_RUNS_ROOT, else ktstr in CARGO_TARGET_DIR, else target/ktstr; the caller frees. */
char *rundir_root(void);
/* Is it the name of a sidecar, or of a file that lies beside it? */
bool rundir_is_result(const char *name);
/* The path of the file with @suffix that belongs to the sidecar @sidecar; the caller frees. NULL: out of memory. */
char *rundir_beside(const char *sidecar, const char *suffix);

#endif
