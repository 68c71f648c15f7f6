/* SPDX-License-Identifier: GPL-2.0-only */
/* capacity.h -- how fast each vCPU is, for parallel_time.c. */
#ifndef KTSTR_VMM_QEMU_PRELOAD_CAPACITY_H
#define KTSTR_VMM_QEMU_PRELOAD_CAPACITY_H

#include <stdint.h>

#define CAPACITY_MAX 1024

/* 1 .. CAPACITY_MAX, from KTSTR_TCG_CAPACITIES ("446,446,1024", in the order of vCPUs); without it, all are equal. */
int64_t capacity_of(unsigned vcpu);

static inline int64_t max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static inline int64_t min(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

#endif
