/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * project.h -- the git repository of the user's project: its commits, a snapshot of its working tree, and worktrees of
 * it elsewhere. Everything blocks. No hooks and no filter programs are run. Neither HEAD, the index nor the working
 * tree of the user is changed.
 */
#ifndef KTSTR_KERNEL_PROJECT_H
#define KTSTR_KERNEL_PROJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/*
 * The commits that lead from @good to @bad (40 digits each), parents before children. Number 0 is @good, the last one
 * @bad. Parents of commit i: parent[first[i]] to parent[first[i + 1] - 1]; what @good has, too, counts as number 0.
 */
struct project_history {
	char (*hash)[GIT_HASH_SIZE];
	uint32_t *first, *parent;
	size_t count, parents;
};
/* @first_parent: merges count as one commit each. -E2BIG: more than @max commits. */
int project_history(const struct project *p, const char *good, const char *bad, bool first_parent, size_t max,
		    struct project_history *ret, struct err **err);
void project_history_done(struct project_history *h);
bool project_descends(const struct project *p, const char *commit, const char *ancestor);

typedef void project_path_fn(void *arg, const char *path);
/* The first line of a commit's message, clean; and its changed files, for @fn (NULL: not wanted). -ENOENT; -EIO. */
int project_describe(const struct project *p, const char *hash, char *subject, size_t size, project_path_fn *fn,
		     void *arg);

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
