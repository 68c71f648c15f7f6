/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devicetree.h -- the device tree of an arm64 machine as QEMU's "virt" has it: processors with their threads, caches,
 * NUMA nodes, distances and capacities, the reserved memory of the event log, and the few devices that a guest uses.
 *
 * QEMU adds memory, command line and initramfs to the tree.
 */
#ifndef KTSTR_VMM_ARM64_DEVICETREE_H
#define KTSTR_VMM_ARM64_DEVICETREE_H

#include "base/buf.h"
#include "vmm/vm.h"

#define ARM64_CPUS_MAX 123 /* the redistributors below RAM */

/* -ENOSPC: the tree is too large. */
int devicetree_write(const struct vm_config *c, struct buf *out);

#endif
