/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * project.h -- the git repository of the user's project: its commits, a snapshot of its working tree, and worktrees of
 * it elsewhere. Everything blocks. No hooks and no filter programs are run. Neither HEAD, the index nor the working
 * tree of the user is changed.
 */
#ifndef KTSTR_KERNEL_PROJECT_H
#define KTSTR_KERNEL_PROJECT_H

#include <stdbool.h>

#include "base/err.h"

#define GIT_HASH_SIZE 41 /* 40 digits and a NUL */

struct project;

/* Opens the repository that contains the directory @dir. It must have a working tree and a commit. */
int project_open(const char *dir, struct project **ret, struct err **err);
void project_close(struct project *p);
DEFINE_CLEANUP(struct project *, project_close)

/* The top directory of its working tree, with a '/' at its end. */
const char *project_top(const struct project *p);
/* Where .git is: the same for all worktrees of the repository. */
const char *project_common(const struct project *p);
/* The commit that @revision names ("HEAD~3", a tag, a hash). -ENOENT, without an error object: there is none. */
int project_commit(const struct project *p, const char *revision, char ret[GIT_HASH_SIZE]);
/* The best common ancestor. -ENOENT, without an error object: there is none. */
int project_merge_base(const struct project *p, const char *a, const char *b, char ret[GIT_HASH_SIZE]);
/* The tree of a commit. */
int project_tree(const struct project *p, const char *commit, char ret[GIT_HASH_SIZE], struct err **err);

/* The working tree as it is now, with files that git does not track but would not ignore. */
struct project_snapshot {
	char tree[GIT_HASH_SIZE]; /* in the repository's objects; nothing refers to it */
	size_t changes;		  /* files that differ from HEAD */
	size_t tracked;		  /* of them, files that git tracks */
	size_t left_out;	  /* directories that are repositories of their own */
};
/* @except: a directory whose files are not part of it, because ktstr writes results there; NULL: none. */
int project_snapshot(const struct project *p, const char *except, struct project_snapshot *ret, struct err **err);

/*
 * Makes a worktree @name in the new directory @path: HEAD is @commit, the files are those of @tree. project_remove()
 * undoes it, also if it is damaged or only a part of it is there.
 */
int project_add(const struct project *p, const char *name, const char *path, const char *commit, const char *tree,
		struct err **err);
int project_remove(const struct project *p, const char *name, const char *path, struct err **err);

#endif
