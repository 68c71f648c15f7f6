/* SPDX-License-Identifier: GPL-2.0-only */
/* msr.h -- the initial model-specific registers and local APIC state of a vCPU, as data for KVM's ioctls. */
#ifndef KTSTR_VMM_X86_MSR_H
#define KTSTR_VMM_X86_MSR_H

#include <linux/kvm.h>

#define MSR_BOOT_MAX 16

#define MSR_TSC		 0x00000010
#define MSR_TSC_DEADLINE 0x000006e0

/* The same for every vCPU. Returns the number of entries in @out. */
unsigned msr_boot_list(struct kvm_msr_entry out[MSR_BOOT_MAX]);

/*
 * Sets the state that firmware leaves (Intel SDM vol. 3, 11.5.1): LINT0 takes the PIC's interrupts, LINT1 NMIs. @l:
 * from KVM_GET_LAPIC, for KVM_SET_LAPIC.
 */
void lapic_boot_state(struct kvm_lapic_state *l);

#endif
