/* SPDX-License-Identifier: GPL-2.0-only */
/* device_fds.h -- which files a machine's devices have, and under which numbers its process gets them. */
#ifndef KTSTR_VMM_KVM_DEVICE_FDS_H
#define KTSTR_VMM_KVM_DEVICE_FDS_H

#include "reactor/child.h"
#include "vmm/vm.h"

#define DEVICE_FDS_MAX 4

/*
 * The devices of @c with the numbers of their descriptors in the machine's process. Appends ours to @fds, which has
 * room for DEVICE_FDS_MAX. A port for a terminal is the first console, hvc0.
 */
struct vm_devices device_fds_of(const struct vm_config *c, struct child_fd *fds, unsigned *count);

#endif
