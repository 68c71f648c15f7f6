/* SPDX-License-Identifier: GPL-2.0-only */
/* post_vm.h -- what a test sees of its guest once the machine has ended: snapshots in a file, and its post_vm. */
#ifndef KTSTR_RUN_POST_VM_H
#define KTSTR_RUN_POST_VM_H

#include "run/attempt.h"

/*
 * Writes the snapshots to @path, in the directory @dir, unless there are none and no post_vm; runs post_vm; and adds
 * what came of it to the evidence. Does so once for each attempt. @lack: why the guest was not watched, or NULL.
 * Blocks.
 */
int post_vm_run(struct attempt *a, int dir, const char *path, const char *lack);

#endif
