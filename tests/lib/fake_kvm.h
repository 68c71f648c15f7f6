/* SPDX-License-Identifier: GPL-2.0-only */
/* fake_kvm.h -- a KVM for tests: it answers everything, fails the n-th call when told to, and its guests follow a
 * script. */
#ifndef KTSTR_TESTS_LIB_FAKE_KVM_H
#define KTSTR_TESTS_LIB_FAKE_KVM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>

#include "vmm/kvm/sys.h"

#define FAKE_VCPUS_MAX 8
#define FAKE_RUN_BYTES 8192

/* What the guest's first vCPU does, one entry a KVM_RUN; the last is repeated. The other vCPUs wait for ever. */
struct step {
	uint32_t reason;
	uint16_t port;
	uint8_t value;
	bool blocks;	/* in the guest until it is kicked */
};

struct fake {
	pthread_mutex_t lock;
	unsigned calls, fail_at;		/* fail_at 0: never */
	unsigned long failed;			/* the request that was failed */
	unsigned long refused;			/* a request that is refused each time, or 0 */
	unsigned missing_cap;			/* its number + 1; 0: none */
	int vcpu_fd[FAKE_VCPUS_MAX];
	struct kvm_run *run[FAKE_VCPUS_MAX];
	unsigned vcpus, irqs;
	const struct step *script;
	unsigned steps, at;
};

/* @f must outlive what it returns; @script too. */
struct kvm_sys fake_sys(struct fake *f, const struct step *script, unsigned steps);

#endif
