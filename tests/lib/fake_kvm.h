/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_kvm.h -- a KVM for tests: it answers every request, can fail the n-th call, and its guests follow a script. */
#ifndef KTSTR_TESTS_LIB_FAKE_KVM_H
#define KTSTR_TESTS_LIB_FAKE_KVM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>

#include "vmm/kvm/sys.h"

#define FAKE_TSC_KHZ   2000000
#define FAKE_TSC_STEP  5000 /* ticks that pass before a TSC is written */
#define FAKE_VCPUS_MAX 128
#define FAKE_CLOCKS    4 /* vCPUs whose clock is simulated, by id */
#define FAKE_RUN_BYTES 8192

/*
 * What the guest's first vCPU does, one entry per KVM_RUN; the last entry is repeated. The other vCPUs wait for ever.
 */
struct step {
	uint32_t reason;
	uint16_t port;
	uint8_t value;		/* of a port write; the vector of an end of interrupt */
	uint32_t address, word; /* of a write to memory */
	bool blocks;		/* stays in the guest until it is kicked */
};

struct fake {
	pthread_mutex_t lock;
	unsigned calls, fail_at; /* fail_at 0: never */
	unsigned long failed;	 /* the request that failed */
	unsigned long refused;	 /* a request that fails each time, or 0 */
	unsigned interruptions;	 /* calls that create a machine and are still to be interrupted */
	unsigned missing_cap;	 /* its number + 1; 0: none */
	int vcpu_fd[FAKE_VCPUS_MAX];
	uint8_t vcpu_id[FAKE_VCPUS_MAX]; /* as the VMM requested it; the arrays are in order of creation */
	struct kvm_run *run[FAKE_VCPUS_MAX];
	unsigned vcpus, irqs;
	struct kvm_msi msi;		 /* the last one */
	unsigned msis, routings, routes; /* messages sent; times that routes were set, and their number the last time */
	bool x2apic;			 /* the first vCPU starts with it enabled */
	bool refuses_memory;		 /* perf mode's settings for memory */
	bool forgets_hint;		 /* CPUID reads back differently from what was set */
	unsigned doorbells;		 /* ioeventfds */
	uint32_t lines;			 /* GSIs that have an irqfd */
	unsigned bound;			 /* node + 1 of the last mbind */
	uint64_t populated, collapsed;
	uint32_t stubborn_msr, stubborn_value; /* a register that can be read but not written; 0: none */
	uint64_t written_msrs;		       /* one bit per index */
	/* A TSC that is written counts from its value; 0 leaves it unchanged, as on new vCPUs. */
	uint64_t tsc_offset[FAKE_CLOCKS], deadline_left[FAKE_CLOCKS], host_tsc;
	const struct step *script;
	unsigned steps, at;
};

/* @f and @script must outlive the returned value. */
struct kvm_sys fake_sys(struct fake *f, const struct step *script, unsigned steps);

#endif
