/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * freeze.h -- lets a machine's process stand still, as a whole: for backends whose guests do not stop at events of
 * their own. The host's clocks go on meanwhile, and so do the guest's.
 */
#ifndef KTSTR_VMM_FREEZE_H
#define KTSTR_VMM_FREEZE_H

#include "vmm/vm.h"

/* Both are signals: they take effect soon. The time between them counts as held (vm_usage.held). */
void vm_freeze(struct vm *vm);
void vm_thaw(struct vm *vm);
/* All of its threads stand still, so that its memory does not change. */
bool vm_is_frozen(const struct vm *vm);

#endif
