/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_patch.h -- a copy of a kernel that boots in a fraction of the time on TCG. */
#ifndef KTSTR_VMM_QEMU_KERNEL_PATCH_H
#define KTSTR_VMM_QEMU_KERNEL_PATCH_H

#include "base/cachefile.h"

/*
 * While it calibrates its timer, a booting kernel waits 100 ms of guest time in a loop with PAUSE. QEMU leaves its
 * execution loop at every PAUSE and looks at every other processor once, so that with a dozen of them this one loop is
 * most of a boot, and with many nearly all of it. In the copy that loop, which no scheduler ever sees, has two-byte
 * NOPs instead.
 *
 * Leaves the copy's descriptor in *@ret_fd and returns 0; -ENOENT when @kernel is no ELF file with symbols and that
 * loop (a bzImage boots as it is), or another errno when it could not be read or copied. The copy is kept in @cache_dir
 * for as long as @kernel is the same file, and checked (base/cachefile.h; @use as there); where that cannot be, or
 * @cache_dir is NULL, it is a memfd. Blocks for some 20 ms, unless it is there already.
 */
int kernel_patch_calibration(const char *kernel, const char *cache_dir, const struct cachefile_use *use, int *ret_fd);

#endif
