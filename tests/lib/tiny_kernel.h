/* SPDX-License-Identifier: GPL-2.0-only */
/* tiny_kernel.h -- kernels of a few bytes that the loader accepts as Linux. */
#ifndef KTSTR_TESTS_LIB_TINY_KERNEL_H
#define KTSTR_TESTS_LIB_TINY_KERNEL_H

#include <stddef.h>

#define LOAD_AT 0x1000000

/*
 * Returns a memory file, owned by the caller, with a vmlinux that holds @code (at most 256 bytes), entered at its start
 * in 64-bit mode.
 */
int kernel_with(const void *code, size_t len);

#endif
