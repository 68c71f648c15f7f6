/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * perf.h -- perf mode, for measurements on a host of one's own: each vCPU is real-time on a CPU of its own, memory is
 * in huge pages on the nodes of those CPUs and populated at the start, PAUSE and HLT do not leave the guest, and the
 * guest is told so.
 *
 * Each setting is read back after it was granted. A setting that the host refuses is counted with its name and reason;
 * the guest runs all the same. Where vCPUs share CPUs or are not pinned, they are not real-time and HLT leaves the
 * guest: one vCPU would keep the others from running at all.
 */
#ifndef KTSTR_VMM_KVM_PERF_H
#define KTSTR_VMM_KVM_PERF_H

#include <stdint.h>

#define PERF_PRIORITY_MAX 2 /* of a thread, under SCHED_FIFO */

struct kvm_guest;
struct kvm_vcpu;

enum perf_setting {
	PERF_PINNING,	  /* asked once per vCPU, and once for the process's main thread */
	PERF_REALTIME,	  /* likewise: SCHED_FIFO */
	PERF_HUGE_PAGES,  /* once per node of memory */
	PERF_MEMORY_NODE, /* likewise */
	PERF_POPULATED,	  /* likewise */
	PERF_PAUSE_EXITS,
	PERF_HLT_EXITS,
	PERF_STABLE_CLOCK,
	PERF_REALTIME_HINT, /* once a vCPU */
	PERF_SETTING_MAX,
};

/* The outcome of a setting. */
struct perf_outcome {
	uint32_t asked, granted;
	int32_t error; /* the last refusal: an errno, or an enum perf_why, which is above all of them; 0: none */
};

/* Refusals that do not come from a system call. */
enum perf_why {
	PERF_WHY_BASE = 10000,
	PERF_WHY_NO_PLAN = PERF_WHY_BASE, /* no CPU or node is planned */
	PERF_WHY_SHARED,		  /* two vCPUs on one CPU, or some on none */
	PERF_WHY_READ_BACK,		  /* granted, but reading it back shows another value */
	PERF_WHY_SMALL_PAGES,		  /* the kernel gave pages of 4 KiB */
	PERF_WHY_UNSTABLE,		  /* no KVM_CLOCK_TSC_STABLE */
	PERF_WHY_MAX,
};

extern const char *const perf_setting_names[PERF_SETTING_MAX];
/* Describes @error, any number: it comes from the machine's process. @out holds a system call's message. */
const char *perf_why(int32_t error, char *out, unsigned size);

/* After its memory is mapped: binds it to nodes, asks for huge pages, populates it. */
void perf_prepare_memory(struct kvm_guest *g);
/* Before the vCPUs exist: switches off the exits for PAUSE and for HLT. */
void perf_prepare_guest(struct kvm_guest *g);
/* Checks that the clock is stable. All vCPUs exist, none runs, and the guest's lock is held. */
void perf_check_clock(struct kvm_guest *g);
/* On the vCPU's own thread: pins it, SCHED_FIFO 1. */
void perf_prepare_thread(struct kvm_vcpu *v);
/* On the vCPU's own thread, after its CPUID is set: checks that KVM kept the hint. */
void perf_check_hint(struct kvm_vcpu *v);
/* On the process's main thread, after the vCPUs started: pins it to the service CPU, SCHED_FIFO 2. */
void perf_prepare_main(struct kvm_guest *g);

#endif
