/* SPDX-License-Identifier: GPL-2.0-only */
/* qemu.h -- the tcg backend: QEMU as a supervised child. */
#ifndef KTSTR_VMM_QEMU_QEMU_H
#define KTSTR_VMM_QEMU_QEMU_H

#include "vmm/vm.h"

extern const struct vm_backend qemu_backend;

/* Limits of the lag of parallel time, by which the clocks of busy vCPUs may differ. The upper one is the default. */
#define QEMU_LAG_MIN_NS 100
#define QEMU_LAG_NS	5000

/*
 * The granularity of instruction counting by number of processors. vCPUs that share one clock need a faster one if
 * there are more of them; with @parallel each has its own.
 */
unsigned qemu_icount_shift(unsigned cpus, bool parallel);

#endif
