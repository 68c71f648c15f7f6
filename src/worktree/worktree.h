/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * worktree.h -- check-outs of commits of the user's project in worktrees of its repository, in ktstr's cache; and what
 * is built in them.
 */
#ifndef KTSTR_WORKTREE_WORKTREE_H
#define KTSTR_WORKTREE_WORKTREE_H

#include "base/err.h"
#include "kernel/project.h"

#define WORKTREE_LABEL_SIZE 16 /* "abc1234-dirty" and a NUL */

/* Tells the user what happens, in lines; like printf(). */
typedef void worktree_say_fn(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* What is checked out. */
struct worktree_spec {
	const char *word;   /* "base", "head": in names of directories */
	const char *phrase; /* "the baseline": in messages */
	char commit[GIT_HASH_SIZE];
	char tree[GIT_HASH_SIZE];	 /* the files; they may differ from the commit's */
	char label[WORKTREE_LABEL_SIZE]; /* as in sidecars: 7 digits, and "-dirty" */
};

void worktree_set_label(struct worktree_spec *spec, bool dirty);

struct worktree {
	char *path;
	char *directory; /* in it: the one that corresponds to the working directory */
	char *name;	 /* in the repository */
	int lock_fd;
};

#define WORKTREE_NULL ((struct worktree){ .lock_fd = -1 })

/* Removes what earlier runs left behind, and checks the commit out. ERR_BUSY: another process uses the same one. */
int worktree_make(const struct project *p, const struct worktree_spec *spec, worktree_say_fn *say, struct worktree *ret,
		  struct err **err);
void worktree_done(const struct project *p, struct worktree *w);
/*
 * Builds in a worktree: with a shell command, or NULL: what fits to the project's files. -EIO: the build failed; the
 * error names the file with its output.
 */
int worktree_build(const struct worktree *w, const struct worktree_spec *spec, const char *command,
		   worktree_say_fn *say, struct err **err);

#endif
