/* SPDX-License-Identifier: GPL-2.0-only */
/* backend.h -- the kvm backend: our own VMM as a supervised child. */
#ifndef KTSTR_VMM_KVM_BACKEND_H
#define KTSTR_VMM_KVM_BACKEND_H

#include "vmm/vm.h"

extern const struct vm_backend kvm_backend;

#endif
