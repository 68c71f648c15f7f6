/* SPDX-License-Identifier: GPL-2.0-only */
/* git.h -- reading a checkout: which commit, and whether the files are those of the commit. Blocks. */
#ifndef KTSTR_KERNEL_GIT_H
#define KTSTR_KERNEL_GIT_H

#include <stdbool.h>

#include <stdatomic.h>

#include "base/err.h"

struct git_state {
	char hash[41];
	bool dirty; /* HEAD != index, or index != work tree, in tracked files; submodules aside */
};

/*
 * The checkout that begins at @dir. -ENOENT: none, or it has no commit, which is
 * no error in *@err; -ECANCELED, likewise, once *@cancel is set (NULL: never); others: no libgit2. Blocks.
 */
int git_read_state(const char *dir, const atomic_bool *cancel, struct git_state *ret, struct err **err);

#endif
