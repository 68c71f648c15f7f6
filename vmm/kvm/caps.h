/* SPDX-License-Identifier: GPL-2.0-only */
/* caps.h -- the KVM capabilities that a host must have, by name, so that a refusal says which one is missing. */
#ifndef KTSTR_VMM_KVM_CAPS_H
#define KTSTR_VMM_KVM_CAPS_H

#include "base/err.h"
#include "vmm/kvm/sys.h"

struct kvm_cap {
	unsigned number;
	const char *name;
	bool (*wanted)(unsigned max_apic_id); /* NULL: always */
};

/* Ended by a NULL name. */
extern const struct kvm_cap kvm_caps[];

/* Checks the version and capabilities of @kvm, for a guest of @cpus processors with APIC ids up to @max_apic_id. */
int kvm_caps_check(const struct kvm_sys *sys, int kvm, unsigned cpus, unsigned max_apic_id, struct err **err);

#endif
