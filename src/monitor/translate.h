/* SPDX-License-Identifier: GPL-2.0-only */
/* translate.h -- from guest-virtual addresses to guest memory (x86-64). Used by view.c. */
#ifndef KTSTR_MONITOR_TRANSLATE_H
#define KTSTR_MONITOR_TRANSLATE_H

#include "monitor/view.h"

#define PAGE_BYTES	 4096u
#define START_KERNEL_MAP 0xffffffff80000000u
#define KERNEL_MAP_BYTES (1ull << 30)

/* Our mapping of @len bytes at guest-physical @address; NULL: not RAM. */
const uint8_t *translate_physical(const struct view *v, uint64_t address, uint64_t len);
/* Guest-physical address of @kva by the page tables at @root alone. */
bool translate_walk(const struct view *v, uint64_t root, uint64_t kva, uint64_t *ret);
/* Guest-physical address of @kva in the image or the direct map; false: it is in neither. */
bool translate_linear(const struct view *v, uint64_t kva, uint64_t *ret);

#endif
