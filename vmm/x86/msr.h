/* SPDX-License-Identifier: GPL-2.0-only */
/* msr.h -- the model-specific registers that a vCPU starts with, as data for KVM_SET_MSRS. */
#ifndef KTSTR_VMM_X86_MSR_H
#define KTSTR_VMM_X86_MSR_H

#include <linux/kvm.h>

#define MSR_BOOT_MAX 16

/* The same for every vCPU. Returns how many of @out were filled. */
unsigned msr_boot_list(struct kvm_msr_entry out[MSR_BOOT_MAX]);

#endif
