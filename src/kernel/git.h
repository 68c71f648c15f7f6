/* SPDX-License-Identifier: GPL-2.0-only */
/* git.h -- reads the commit of a checkout, and whether tracked files differ from it. Blocks. */
#ifndef KTSTR_KERNEL_GIT_H
#define KTSTR_KERNEL_GIT_H

#include <stdbool.h>

#include <stdatomic.h>

#include "base/err.h"

struct git_state {
	char hash[41];
	bool dirty; /* HEAD != index, or index != work tree, in tracked files; submodules are ignored */
};

/*
 * Reads the checkout whose top directory is @dir. -ENOENT: no checkout, or one without a commit. -ECANCELED: *@cancel
 * was set (NULL: never). Neither sets *@err. Other errors: libgit2 is missing. Blocks.
 */
int git_read_state(const char *dir, const atomic_bool *cancel, struct git_state *ret, struct err **err);

/* Digits of a short commit in names of runs and in sidecars. */
#define GIT_SHORT_DIGITS 7

/* @hash has 40 digits. Return false to get no more. */
typedef bool git_commit_fn(void *arg, const char *hash);
/*
 * Calls @fn for the commit that @revision names ("HEAD~3", a tag, a hash), or for all commits of a range ("A..B"), in
 * the checkout that contains @dir. -ENOENT: there is no checkout, or it has no such revision. Blocks.
 */
int git_find_commits(const char *dir, const char *revision, git_commit_fn *fn, void *arg);

#endif
