/* SPDX-License-Identifier: GPL-2.0-only */
/* ram.h -- a guest's memory for tests: its regions in one sparse mapping. */
#ifndef KTSTR_TESTS_RAM_H
#define KTSTR_TESTS_RAM_H

#include "vmm/x86/ram.h"

#define MIB ((uint64_t)1 << 20)

extern struct x86_ram ram;

/* Plans and maps @mib of memory over @nodes; untouched pages take no memory. ram_free() unmaps it. */
void ram_new(unsigned nodes, uint64_t mib);
void ram_free(void);

#endif
