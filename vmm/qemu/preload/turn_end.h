/* SPDX-License-Identifier: GPL-2.0-only */
/* turn_end.h -- lets a turn end between two blocks of instructions; see turn_end.c. */
#ifndef KTSTR_VMM_QEMU_PRELOAD_TURN_END_H
#define KTSTR_VMM_QEMU_PRELOAD_TURN_END_H

#include "vmm/qemu/preload/internals.h"

/*
 * From now on cpu_exec() calls @ran_out() instead of icount_update() when the next block has more instructions than are
 * left of the turn. @ran_out must call icount_update() itself. Call it before any vCPU has run. Returns NULL, or what
 * could not be done; static text.
 */
const char *turn_end_redirect(const struct qemu_internals *q, void (*ran_out)(struct cpu *cpu));

#endif
