/* SPDX-License-Identifier: GPL-2.0-only */
/* msr.c -- see msr.h. Numbers and bits: Intel SDM vol. 4, table 2-2; AMD64 APM vol. 2, appendix A. */
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmm/x86/msr.h"

#define MSR_SYSENTER_CS		 0x00000174
#define MSR_SYSENTER_ESP	 0x00000175
#define MSR_SYSENTER_EIP	 0x00000176
#define MSR_MISC_ENABLE		 0x000001a0
#define MISC_ENABLE_FAST_STRINGS 1
#define MSR_MTRR_DEF_TYPE	 0x000002ff
#define MTRR_ENABLE		 (1 << 11)
#define MTRR_WRITE_BACK		 6
#define MSR_STAR		 0xc0000081
#define MSR_LSTAR		 0xc0000082
#define MSR_CSTAR		 0xc0000083
#define MSR_SYSCALL_MASK	 0xc0000084
#define MSR_KERNEL_GS_BASE	 0xc0000102

/*
 * Zeros are listed so that a vCPU starts afresh after a reset. Without the default memory type, Linux treats all memory
 * as uncached, and /dev/mem maps the event log uncached.
 */
static const struct kvm_msr_entry boot_list[] = {
	{ .index = MSR_SYSENTER_CS },
	{ .index = MSR_SYSENTER_ESP },
	{ .index = MSR_SYSENTER_EIP },
	{ .index = MSR_STAR },
	{ .index = MSR_LSTAR },
	{ .index = MSR_CSTAR },
	{ .index = MSR_SYSCALL_MASK },
	{ .index = MSR_KERNEL_GS_BASE },
	{ .index = MSR_TSC },
	{ .index = MSR_MISC_ENABLE, .data = MISC_ENABLE_FAST_STRINGS },
	{ .index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLE | MTRR_WRITE_BACK },
};
_Static_assert(ARRAY_SIZE(boot_list) <= MSR_BOOT_MAX, "room for the boot list");

unsigned msr_boot_list(struct kvm_msr_entry out[MSR_BOOT_MAX])
{
	for (unsigned i = 0; i < ARRAY_SIZE(boot_list); i++)
		out[i] = boot_list[i];
	return ARRAY_SIZE(boot_list);
}

#define LAPIC_LVT_LINT0	    0x350
#define LAPIC_LVT_LINT1	    0x360
#define LVT_DELIVERY_MODE   0x700u
#define LVT_DELIVERY_NMI    0x400u
#define LVT_DELIVERY_EXTINT 0x700u

static void set_delivery_mode(struct kvm_lapic_state *l, unsigned reg, uint32_t mode)
{
	uint32_t v;
	memcpy(&v, l->regs + reg, sizeof(v));
	v = (v & ~LVT_DELIVERY_MODE) | mode;
	memcpy(l->regs + reg, &v, sizeof(v));
}

void lapic_boot_state(struct kvm_lapic_state *l)
{
	set_delivery_mode(l, LAPIC_LVT_LINT0, LVT_DELIVERY_EXTINT);
	set_delivery_mode(l, LAPIC_LVT_LINT1, LVT_DELIVERY_NMI);
}
