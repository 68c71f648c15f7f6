/* SPDX-License-Identifier: GPL-2.0-only */
/* rundir.h -- where a run's sidecars go, and whose turn it is to write there. */
#ifndef KTSTR_RUN_RUNDIR_H
#define KTSTR_RUN_RUNDIR_H

#include <stdbool.h>

#include "base/err.h"
#include "run/checkout.h"

struct rundir {
	char *path; /* {root}/{kernel}-{commit}, or KTSTR_SIDECAR_DIR as it is */
	char *id;   /* last component */
	char commit[COMMIT_TEXT_MAX];
	int fd;	     /* the directory: files in it are opened by this, not by `path` */
	int lock_fd; /* held exclusively while the run lasts; -1 for KTSTR_SIDECAR_DIR */
};

/* What follows NAME-VARIANT: the result, the report of what did not pass, the guest's memory (--keep-memory). */
#define SIDECAR_SUFFIX ".ktstr.json"
#define REPORT_SUFFIX  ".report.txt"
#define MEMORY_SUFFIX  ".vmcore"

#define RUNDIR_NULL ((struct rundir){ .fd = -1, .lock_fd = -1 })

/*
 * KTSTR_SIDECAR_DIR verbatim, else below KTSTR_RUNS_ROOT, else below target/ktstr. Takes the directory's lock (waits up
 * to 30 s, then names its holder) and removes the results of the run before: sidecars, reports and memory images. Of a
 * directory without a commit, which all suites outside git share, only those of @suites (names of test binaries,
 * NULL-terminated) are removed. KTSTR_SIDECAR_DIR is neither locked nor cleared. @commit: checkout_commit()'s. Blocks.
 * Refuses a directory in which others could prepare links (dir_open()).
 */
int rundir_open(const char *kernel_version, const char *commit, const char *const *suites, struct rundir *ret,
		struct err **err);
void rundir_done(struct rundir *d);
/* Is there no commit to tell the results of this run from those of others, nor a directory of its own? */
bool rundir_is_shared(const char *commit);
/* Where run directories are: KTSTR_RUNS_ROOT, else ktstr in CARGO_TARGET_DIR, else target/ktstr; the caller frees. */
char *rundir_root(void);
/* The path of a further file of the result whose sidecar is @sidecar; the caller frees. NULL: out of memory. */
char *rundir_beside(const char *sidecar, const char *suffix);
/* A file name with ".ktstr." in it that ends in ".json". */
bool rundir_is_sidecar(const char *name);

#endif
