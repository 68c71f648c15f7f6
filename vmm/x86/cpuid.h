/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cpuid.h -- the CPUID of a guest's processor: the features that KVM supports, with the declared topology instead of
 * the host's. An LLC is a package, as on tcg. Packages, last-level caches, cores and SMT siblings are the declared ones
 * in Intel's leaves (1, 4, 0xb, 0x1f) and in AMD's (0x80000001, 8, 0x1d, 0x1e).
 */
#ifndef KTSTR_VMM_X86_CPUID_H
#define KTSTR_VMM_X86_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>

#include <ktstr/topology.h>

#define CPUID_ENTRIES_MAX 256

/*
 * Returns the APIC id of a CPU. CPUs are numbered LLC by LLC, core by core, thread by thread; see
 * topology_apic_id_max().
 */
unsigned x86_apic_id(const struct ktstr_topology *t, unsigned cpu);
/* Returns the NUMA node of a CPU. */
unsigned x86_cpu_node(const struct ktstr_topology *t, unsigned cpu);

/*
 * Fills @out for KVM_SET_CPUID2 of vCPU @cpu from @supported (KVM_GET_SUPPORTED_CPUID). @out->nent is the room in
 * entries, and then their number. -E2BIG: less room than CPUID_ENTRIES_MAX, and not enough; -EINVAL: @supported lacks
 * leaf 0 or 1, or @cpu is not in @t.
 */
int cpuid_for_vcpu(const struct kvm_cpuid2 *supported, const struct ktstr_topology *t, unsigned cpu,
		   struct kvm_cpuid2 *out);

/* KVM_HINTS_REALTIME in leaf 0x40000001 of @c tells the guest that vCPUs are never preempted for long (perf mode). */
void cpuid_set_realtime(struct kvm_cpuid2 *c);
bool cpuid_has_realtime(const struct kvm_cpuid2 *c);

#endif
