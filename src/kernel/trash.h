/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trash.h -- removing a kernel tree takes up to half a minute on a busy disk, and nobody should wait for it: it is
 * renamed, which takes no time, and removed by a process of its own. What that one does not get done, the next build
 * or `kernel clean` does.
 */
#ifndef KTSTR_KERNEL_TRASH_H
#define KTSTR_KERNEL_TRASH_H

#include "base/err.h"

/* Renames the directory @dir to a name in @root that means nothing, and has it removed. Blocks for milliseconds. */
int trash_put(const char *root, const char *dir, struct err **err);
/* Has removed what is left of earlier ones. @wait: returns when it is gone. */
void trash_empty(const char *root, bool wait);

#endif
