/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_patch.h -- makes a copy of a kernel that boots in a fraction of the time on TCG. */
#ifndef KTSTR_VMM_QEMU_KERNEL_PATCH_H
#define KTSTR_VMM_QEMU_KERNEL_PATCH_H

#include "base/cachefile.h"

/*
 * While it calibrates its timer, a booting kernel waits 100 ms of guest time in a loop with PAUSE. At every PAUSE, QEMU
 * leaves its execution loop and checks every other processor once, so this loop is most of a boot with a dozen
 * processors, and nearly all of it with many. The copy has two-byte NOPs in the loop; schedulers are not running yet.
 *
 * Leaves the copy's descriptor in *@ret_fd and returns 0. -ENOENT: @kernel is not an ELF file with symbols and that
 * loop (a bzImage boots unchanged); other errnos: it could not be read or copied. The copy is kept in @cache_dir for as
 * long as @kernel is the same file, and checked (base/cachefile.h; @use as there); where that fails, or @cache_dir is
 * NULL, it is a memfd. Blocks for some 20 ms, unless the copy exists.
 */
int kernel_patch_calibration(const char *kernel, const char *cache_dir, const struct cachefile_use *use, int *ret_fd);

#endif
