/* SPDX-License-Identifier: GPL-2.0-only */
/* rundir.h -- where a run's sidecars go, and whose turn it is to write there (behaviour 5.1, 5.2). */
#ifndef KTSTR_RUN_RUNDIR_H
#define KTSTR_RUN_RUNDIR_H

#include <stdbool.h>

#include "base/err.h"
#include "run/checkout.h"

struct rundir {
	char *path;		/* {root}/{kernel}-{commit}, or KTSTR_SIDECAR_DIR as it is */
	char *id;		/* last component */
	char commit[COMMIT_TEXT_MAX];
	int fd;			/* the directory: files in it are opened by this, not by `path` */
	int lock_fd;		/* held exclusively while the run lasts; -1 for KTSTR_SIDECAR_DIR */
};

#define RUNDIR_NULL ((struct rundir){ .fd = -1, .lock_fd = -1 })

/*
 * KTSTR_SIDECAR_DIR verbatim, else below KTSTR_RUNS_ROOT, else below target/ktstr. Takes the directory's lock (waits up
 * to 30 s, then names its holder) and removes the sidecars of the run before. @commit: checkout_commit()'s. Blocks.
 * Refuses a directory in which others could prepare links (dir_open()).
 */
int rundir_open(const char *kernel_version, const char *commit, struct rundir *ret, struct err **err);
void rundir_done(struct rundir *d);
/* Where run directories are: KTSTR_RUNS_ROOT, else ktstr in CARGO_TARGET_DIR, else target/ktstr; the caller frees. */
char *rundir_root(void);
/* A file name with ".ktstr." in it that ends in ".json". */
bool rundir_is_sidecar(const char *name);

#endif
