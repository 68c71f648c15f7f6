/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * randomised.h -- the observer's hooks in a kernel that chooses where it runs (KASLR). Their addresses are those for
 * which the kernel was linked, so the machine starts without them, and stops every 5 ms of guest time until the kernel
 * has set up the entry for system calls of its first CPU. It is in its place then, and has one task: others are made
 * after its consoles, its clocks and its code have been set up. So no event of its scheduler is missed.
 */
#ifndef KTSTR_RUN_RANDOMISED_H
#define KTSTR_RUN_RANDOMISED_H

#include "monitor/view.h"
#include "vmm/vm.h"

struct randomised {
	bool waits;			 /* hooks are not set yet */
	const struct observe_hook *hook; /* borrowed */
	unsigned hooks;
	struct observe_until until; /* what was asked for */
};

/* Takes the hooks and the moment out of @config. */
void randomised_prepare(struct randomised *r, struct observe_config *config);
/* True if the guest, which stands still, has set up its first CPU. Otherwise it stops again. */
bool randomised_is_due(const struct randomised *r, struct vm *vm);
/* Sets the hooks, and tells the observer where the kernel is. @v: its slides are known. -ENOSPC: too many hooks. */
int randomised_set(struct randomised *r, struct vm *vm, const struct view *v);

#endif
