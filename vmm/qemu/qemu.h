/* SPDX-License-Identifier: GPL-2.0-only */
/* qemu.h -- the tcg backend: QEMU as a supervised child. */
#ifndef KTSTR_VMM_QEMU_QEMU_H
#define KTSTR_VMM_QEMU_QEMU_H

#include "vmm/vm.h"

extern const struct vm_backend qemu_backend;

/*
 * The granularity of instruction counting by number of processors: all vCPUs share one clock, so more of them need a
 * faster one.
 */
unsigned qemu_icount_shift(unsigned cpus);

#endif
