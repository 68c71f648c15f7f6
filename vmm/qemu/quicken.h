/* SPDX-License-Identifier: GPL-2.0-only */
/* quicken.h -- a copy of a kernel that boots in a fraction of the time on TCG. */
#ifndef KTSTR_VMM_QEMU_QUICKEN_H
#define KTSTR_VMM_QEMU_QUICKEN_H

#include "base/err.h"

/*
 * While it calibrates its timer, a booting kernel waits 100 ms of guest time in a loop with PAUSE. QEMU leaves its
 * execution loop at every PAUSE and looks at every other processor once, so that this one loop takes most of a boot:
 * twenty seconds with twelve processors, minutes with 64. In the copy that loop, which no scheduler ever sees, has
 * two-byte NOPs instead.
 *
 * Leaves a memfd with the copy in *@ret_fd and returns 0; -ENOENT when @kernel is no ELF file with symbols and that
 * loop (a bzImage boots as it is), or another errno when it could not be read or copied. Blocks for some 20 ms.
 */
int qemu_quicken(const char *kernel, int *ret_fd);

#endif
