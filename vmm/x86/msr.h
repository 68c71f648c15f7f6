/* SPDX-License-Identifier: GPL-2.0-only */
/* msr.h -- the model-specific registers and local APIC state that a vCPU starts with, as data for KVM's ioctls. */
#ifndef KTSTR_VMM_X86_MSR_H
#define KTSTR_VMM_X86_MSR_H

#include <linux/kvm.h>

#define MSR_BOOT_MAX 16

#define MSR_TSC		 0x00000010
#define MSR_TSC_DEADLINE 0x000006e0

/* The same for every vCPU. Returns how many of @out were filled. */
unsigned msr_boot_list(struct kvm_msr_entry out[MSR_BOOT_MAX]);

/*
 * LINT0 takes the PIC's interrupts, LINT1 NMIs: what firmware leaves behind (Intel SDM vol. 3, 11.5.1). @l: as
 * KVM_GET_LAPIC gave it, for KVM_SET_LAPIC.
 */
void lapic_boot_state(struct kvm_lapic_state *l);

#endif
