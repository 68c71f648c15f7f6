/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_patch.h -- makes a copy of a kernel that boots in a fraction of the time on TCG. */
#ifndef KTSTR_VMM_QEMU_KERNEL_PATCH_H
#define KTSTR_VMM_QEMU_KERNEL_PATCH_H

#include <stdbool.h>

#include "base/cachefile.h"

/*
 * What a booting kernel does without need:
 *  - While it calibrates its timer, it waits in a loop with PAUSE. At every PAUSE, QEMU leaves its execution loop and
 *    checks every other processor once, so with many processors this loop is most of a boot. The copy has two-byte NOPs
 *    in the loop; schedulers are not running yet.
 * And where guest time is counted in instructions (@counted), so that the guest runs a test:
 *  - It measures the frequencies of the TSC and of the local APIC's timer for 200 ms. The copy knows them: 1 GHz.
 *  - It replaces names of enums in the formats of all trace events, which tools for tracing read in tracefs. The copy
 *    does not: the formats have names where the kernel has numbers. Events, their fields and BPF programs that use them
 *    are the same.
 *  - It searches all functions for those that were replaced when it was linked. The copy does not; the function tracer
 *    also finds out when it lists them.
 *  - It tests a hash function. The copy takes it to be correct.
 * Functions with other code than that of known kernels are left as they are.
 *
 * Leaves the copy's descriptor in *@ret_fd and returns 0. -ENOENT: @kernel is not an ELF file with symbols and such
 * functions (a bzImage boots unchanged); other errnos: it could not be read or copied. The copy is kept in @cache_dir
 * for as long as @kernel is the same file, and checked (base/cachefile.h; @use as there); where that fails, or
 * @cache_dir is NULL, it is a memfd. Blocks for some 20 ms, unless the copy exists.
 */
int kernel_patch_boot(const char *kernel, bool counted, const char *cache_dir, const struct cachefile_use *use,
		      int *ret_fd);

#endif
