/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trash.h -- removes kernel trees in the background, because a removal takes up to half a minute on a busy disk. The
 * directory is renamed, which takes no time, and another process removes it. The next build or `kernel clean` removes
 * the rest if that process does not finish.
 */
#ifndef KTSTR_KERNEL_TRASH_H
#define KTSTR_KERNEL_TRASH_H

#include "base/err.h"

/* Renames the directory @dir to a unique name in @root and starts its removal. Blocks for milliseconds. */
int trash_put(const char *root, const char *dir, struct err **err);
/* Removes directories that earlier calls left in @root. @wait: returns after the removal, else starts it. */
void trash_empty(const char *root, bool wait);

#endif
