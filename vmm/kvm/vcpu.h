/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vcpu.h -- a virtual processor: a thread that goes SETUP > READY > RUNNING <> PAUSED > ENDED, each state a function
 * that returns the next one. Others reach it by the guest's command word and a kick: immediate_exit, then a signal.
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
	struct shmring_writer events; /* its thread's */
	int schedstat_fd;	      /* of its thread: /proc/PID/task/TID/schedstat; -1: none */
	struct kvm_stats_map stats;   /* where its statistics are; zeros: nowhere */
};

/* Of the whole process: SIGRTMIN interrupts KVM_RUN and does nothing else. Idempotent. */
void vcpu_install_kick(void);

void vcpu_init(struct kvm_vcpu *v, struct kvm_guest *g, unsigned index);
int vcpu_start(struct kvm_vcpu *v, struct err **err);
/* Makes it look at the guest's command. The guest's lock is held. */
void vcpu_kick(struct kvm_vcpu *v);
/* Its times and KVM's statistics, as far as there are any. On another thread than its own. */
void vcpu_beat(const struct kvm_vcpu *v, struct vm_event_heartbeat *beat);
void vcpu_join(struct kvm_vcpu *v);
void vcpu_dump(struct kvm_vcpu *v, struct buf *out);
/* Its thread has ended, or never started. */
void vcpu_done(struct kvm_vcpu *v);

#endif
