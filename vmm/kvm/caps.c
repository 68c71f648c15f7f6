/* SPDX-License-Identifier: GPL-2.0-only */
/* caps.c -- see caps.h. */
#include <linux/kvm.h>

#include "vmm/kvm/caps.h"
#include "vmm/kvm/guest.h"

static bool needs_split(unsigned max_apic_id)
{
	return max_apic_id > APIC_ID_FULL_MAX;
}

/* No PIT: the guest's ACPI tables do not offer one. */
const struct kvm_cap kvm_caps[] = {
	{ KVM_CAP_IRQCHIP, "IRQCHIP", NULL },
	{ KVM_CAP_USER_MEMORY, "USER_MEMORY", NULL },
	{ KVM_CAP_SET_TSS_ADDR, "SET_TSS_ADDR", NULL },
	{ KVM_CAP_EXT_CPUID, "EXT_CPUID", NULL },
	{ KVM_CAP_IOEVENTFD, "IOEVENTFD", NULL },
	{ KVM_CAP_IRQFD, "IRQFD", NULL },
	{ KVM_CAP_MP_STATE, "MP_STATE", NULL },
	{ KVM_CAP_VCPU_EVENTS, "VCPU_EVENTS", NULL },
	{ KVM_CAP_DEBUGREGS, "DEBUGREGS", NULL },
	{ KVM_CAP_XSAVE, "XSAVE", NULL },
	{ KVM_CAP_ADJUST_CLOCK, "ADJUST_CLOCK", NULL },
	{ KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT", NULL },
	{ KVM_CAP_SPLIT_IRQCHIP, "SPLIT_IRQCHIP", needs_split },
	{ KVM_CAP_X2APIC_API, "X2APIC_API", needs_split },
	{ 0 },
};

static int check_limit(const struct kvm_sys *sys, int kvm, unsigned cap, unsigned want, const char *what,
		       struct err **err)
{
	int most = sys_ioctl_number(sys, kvm, KVM_CHECK_EXTENSION, cap);
	if (most < 0)
		return FAIL_SYS(err, most, "ask KVM how many %s it allows", what);
	/* 0: KVM is too old to have this limit. */
	if (most && (unsigned)most < want)
		return FAIL(err, ERR_MISSING, -E2BIG, "KVM on this host allows %s up to %d, the guest needs %u", what,
			    most, want);
	return 0;
}

int kvm_caps_check(const struct kvm_sys *sys, int kvm, unsigned cpus, unsigned max_apic_id, struct err **err)
{
	int version = sys_ioctl(sys, kvm, KVM_GET_API_VERSION, NULL);
	if (version != KVM_API_VERSION)
		return FAIL(err, ERR_MISSING, -ENOTSUP, "KVM's API version is %d, not %d", version, KVM_API_VERSION);
	for (const struct kvm_cap *c = kvm_caps; c->name; c++) {
		if (c->wanted && !c->wanted(max_apic_id))
			continue;
		if (sys_ioctl_number(sys, kvm, KVM_CHECK_EXTENSION, c->number) <= 0)
			return FAIL(err, ERR_MISSING, -ENOTSUP, "KVM on this host lacks KVM_CAP_%s", c->name);
	}
	int r = check_limit(sys, kvm, KVM_CAP_MAX_VCPUS, cpus, "vCPUs", err);
	return r < 0 ? r : check_limit(sys, kvm, KVM_CAP_MAX_VCPU_ID, max_apic_id + 1, "vCPU ids", err);
}
