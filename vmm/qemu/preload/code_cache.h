/* SPDX-License-Identifier: GPL-2.0-only */
/* code_cache.h -- QEMU's memory for translated instructions; see code_cache.c. */
#ifndef KTSTR_VMM_QEMU_PRELOAD_CODE_CACHE_H
#define KTSTR_VMM_QEMU_PRELOAD_CODE_CACHE_H

/* Call it between turns, on the vCPU thread: throws the translations away before QEMU has no room for more. */
void code_cache_make_room(void);

#endif
