/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * perf.h -- perf mode, for measuring on a host that is ours: vCPUs pinned and real-time, and not leaving the guest to
 * pause or to halt. Each wish that the host refuses is a warning with its name; the guest runs all the same.
 */
#ifndef KTSTR_VMM_KVM_PERF_H
#define KTSTR_VMM_KVM_PERF_H

#include "vmm/kvm/vcpu.h"

/* Before there are vCPUs: the exits for PAUSE, then for HLT, are switched off; the clock must be stable. */
void perf_prepare_guest(struct kvm_guest *g);
/* On the vCPU's own thread: its CPU (kvm_guest_config.pin), SCHED_FIFO 1. */
void perf_prepare_thread(struct kvm_vcpu *v);

#endif
