/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vcpu.h -- a virtual processor: a thread with the states SETUP > READY > RUNNING <> PAUSED > ENDED. Each state is a
 * function that returns the next state. Other threads change the guest's command (lifecycle.h) and then kick the vCPU:
 * they set immediate_exit and send a signal.
 */
#ifndef KTSTR_VMM_KVM_VCPU_H
#define KTSTR_VMM_KVM_VCPU_H

#include "vmm/kvm/guest.h"
#include "vmm/kvm/stats.h"

struct kvm_run;
struct vm_event_heartbeat;

struct kvm_vcpu {
	struct kvm_guest *guest;
	unsigned index;
	int fd, stats_fd;    /* stats_fd: -1 where KVM has no binary statistics */
	struct kvm_run *run; /* shared with KVM */
	pthread_t thread;
	bool started;
	uint64_t exits;		      /* to user space */
	struct shmring_writer events; /* written by its thread */
	int schedstat_fd;	      /* /proc/PID/task/TID/schedstat of its thread; -1: none */
	struct kvm_stats_map stats;   /* offsets in stats_fd; zeros: no statistics */
};

/* Installs a handler for SIGRTMIN in the whole process; the signal only interrupts KVM_RUN. Idempotent. */
void vcpu_install_kick(void);

void vcpu_init(struct kvm_vcpu *v, struct kvm_guest *g, unsigned index);
int vcpu_start(struct kvm_vcpu *v, struct err **err);
/* Makes the vCPU read the guest's command. The guest's lock is held. */
void vcpu_kick(struct kvm_vcpu *v);
/* Fills in its times and KVM's statistics, where there are any. On another thread than its own. */
void vcpu_beat(const struct kvm_vcpu *v, struct vm_event_heartbeat *beat);
void vcpu_join(struct kvm_vcpu *v);
void vcpu_dump(struct kvm_vcpu *v, struct buf *out);
/* Call it when its thread has ended or never started. */
void vcpu_done(struct kvm_vcpu *v);

#endif
