/* SPDX-License-Identifier: GPL-2.0-only */
/* cmdline.h -- the guest kernel's command line: the words that all backends share, and each backend's own. */
#ifndef KTSTR_VMM_CMDLINE_H
#define KTSTR_VMM_CMDLINE_H

#include "base/buf.h"
#include "vmm/vm.h"

#define VM_EXIT_PORT 0xf4  /* one write ends the machine: QEMU's isa-debug-exit, our own exit port */
#define VM_PARK_PORT 0x505 /* one write stops the machine to save it: QEMU's pvpanic, our own park port */

/* @words: the backend's own, or NULL. */
void vm_cmdline(const struct vm_config *c, const char *words, struct buf *out);

#endif
