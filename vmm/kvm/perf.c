/* SPDX-License-Identifier: GPL-2.0-only */
/* perf.c -- see perf.h. */
#include <linux/kvm.h>
#include <sched.h>
#include <string.h>

#include "vmm/kvm/perf.h"

/* One at a time: a KVM that refuses one of two exits refuses both when asked for both. */
static void disable_exit(struct kvm_guest *g, uint64_t which, const char *name)
{
	struct kvm_enable_cap enable = { .cap = KVM_CAP_X86_DISABLE_EXITS, .args = { which } };
	int r = sys_ioctl(g->sys, g->vm, KVM_ENABLE_CAP, &enable);
	if (r < 0)
		kvm_guest_warn(g, "perf mode: %s exits stay on: %s", name, strerror(-r));
}

void perf_prepare_guest(struct kvm_guest *g)
{
	struct kvm_clock_data clock = { 0 };
	disable_exit(g, KVM_X86_DISABLE_EXITS_PAUSE, "PAUSE");
	disable_exit(g, KVM_X86_DISABLE_EXITS_HLT, "HLT");
	int r = sys_ioctl(g->sys, g->vm, KVM_GET_CLOCK, &clock);
	if (r == 0) {
		clock.flags = 0;
		r = sys_ioctl(g->sys, g->vm, KVM_SET_CLOCK, &clock);
	}
	if (r == 0)
		r = sys_ioctl(g->sys, g->vm, KVM_GET_CLOCK, &clock);
	if (r < 0)
		kvm_guest_warn(g, "perf mode: the guest's clock cannot be read: %s", strerror(-r));
	else if (!(clock.flags & KVM_CLOCK_TSC_STABLE))
		kvm_guest_warn(g, "perf mode: the guest's clock is not the processor's (no KVM_CLOCK_TSC_STABLE)");
}

void perf_prepare_thread(struct kvm_vcpu *v)
{
	struct sched_param param = { .sched_priority = 1 };
	unsigned pin = v->guest->config->pin[v->index];
	if (pin) {
		cpu_set_t cpus;
		CPU_ZERO(&cpus);
		CPU_SET(pin - 1, &cpus);
		if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
			kvm_guest_warn(v->guest, "perf mode: vCPU %u is not pinned to CPU %u: %s", v->index, pin - 1,
				       strerror(errno));
	}
	if (sched_setscheduler(0, SCHED_FIFO, &param) < 0)
		kvm_guest_warn(v->guest, "perf mode: vCPU %u is not real-time: %s", v->index, strerror(errno));
}
