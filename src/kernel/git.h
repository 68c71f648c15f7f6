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

#endif
