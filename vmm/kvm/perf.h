/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * perf.h -- perf mode, for measuring on a host that is ours: vCPUs on CPUs of their own and real-time, memory in huge
 * pages on the nodes of those CPUs and all there from the start, no exits to pause or to halt, and a guest told so.
 *
 * Each setting is read back after it was granted. What the host refuses is counted with its name and its reason, and
 * the guest runs all the same. Guests whose vCPUs share CPUs, or have none of their own, are neither real-time nor kept
 * from leaving for a halt: one vCPU would keep the others from running at all.
 */
#ifndef KTSTR_VMM_KVM_PERF_H
#define KTSTR_VMM_KVM_PERF_H

#include <stdint.h>

#define PERF_PRIORITY_MAX 2 /* of a thread, under SCHED_FIFO */

struct kvm_guest;
struct kvm_vcpu;

enum perf_setting {
	PERF_PINNING,	  /* once a vCPU, and the process's main thread */
	PERF_REALTIME,	  /* likewise: SCHED_FIFO */
	PERF_HUGE_PAGES,  /* once a node of memory */
	PERF_MEMORY_NODE, /* likewise */
	PERF_POPULATED,	  /* likewise */
	PERF_PAUSE_EXITS,
	PERF_HLT_EXITS,
	PERF_STABLE_CLOCK,
	PERF_REALTIME_HINT, /* once a vCPU */
	PERF_SETTING_MAX,
};

/* What came of a setting. */
struct perf_outcome {
	uint32_t asked, granted;
	int32_t error; /* of the last refusal: an errno, or an enum perf_why above all of them; 0: none */
};

/* Refusals that are no system call's. */
enum perf_why {
	PERF_WHY_BASE = 10000,
	PERF_WHY_NO_PLAN = PERF_WHY_BASE, /* nobody said which CPU, or which node */
	PERF_WHY_SHARED,		  /* two vCPUs on one CPU, or some on none */
	PERF_WHY_READ_BACK,		  /* granted, but reading it back shows another value */
	PERF_WHY_SMALL_PAGES,		  /* the kernel gave pages of 4 KiB */
	PERF_WHY_UNSTABLE,		  /* no KVM_CLOCK_TSC_STABLE */
	PERF_WHY_MAX,
};

extern const char *const perf_setting_names[PERF_SETTING_MAX];
/* In words, for whatever @error: numbers come from the machine's process. @out is for a system call's. */
const char *perf_why(int32_t error, char *out, unsigned size);

/* Once its memory is mapped: nodes, huge pages, all of it populated. */
void perf_prepare_memory(struct kvm_guest *g);
/* Before there are vCPUs: the exits for PAUSE, then for HLT, are switched off. */
void perf_prepare_guest(struct kvm_guest *g);
/* When all vCPUs are there and none runs, with the guest's lock held: the clock must be stable. */
void perf_check_clock(struct kvm_guest *g);
/* On the vCPU's own thread: its CPU, SCHED_FIFO 1. */
void perf_prepare_thread(struct kvm_vcpu *v);
/* On the vCPU's own thread, once its CPUID is set. */
void perf_check_hint(struct kvm_vcpu *v);
/* On the process's main thread, once the vCPUs run: the service CPU, SCHED_FIFO 2. */
void perf_prepare_main(struct kvm_guest *g);

#endif
