/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lifecycle.h -- what a guest's threads share about its life: the command to the vCPUs, how many of them are ready or
 * paused, the park request and the end.
 *
 * It knows neither vCPUs nor devices, so that both can report an end or a park request.
 */
#ifndef KTSTR_VMM_KVM_LIFECYCLE_H
#define KTSTR_VMM_KVM_LIFECYCLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum kvm_guest_end {
	KVM_GUEST_RUNS,
	KVM_GUEST_EXITED,  /* it wrote to the exit port, or powered off */
	KVM_GUEST_RESET,   /* keyboard controller, reset port, or a triple fault */
	KVM_GUEST_STOPPED, /* kvm_guest_stop() */
	KVM_GUEST_FAILED,  /* KVM reported an error: lifecycle.err */
};

enum kvm_command { KVM_COMMAND_RUN, KVM_COMMAND_PAUSE, KVM_COMMAND_END };

struct lifecycle {
	pthread_mutex_t lock;	/* protects all members but `command` */
	pthread_cond_t changed; /* signals a change of `end`, `command`, `ready` or `paused` */
	atomic_uint command;	/* enum kvm_command, read by the vCPU threads */
	unsigned ready, paused; /* numbers of vCPUs that are set up, and that are paused */
	bool parked;		/* the guest wrote to the park port */
	enum kvm_guest_end end;
	uint32_t exit_code; /* the value written to the exit port */
	struct err *err;    /* the first failure */
	int ended_fd;	    /* eventfd: readable once `end` or `parked` is set */
};

/* -errno when there is no eventfd. lifecycle_done() is due in any case. */
int lifecycle_init(struct lifecycle *l);
void lifecycle_done(struct lifecycle *l);
/* Ends the guest; only the first end is kept. Consumes @err, which may be NULL. */
void lifecycle_end(struct lifecycle *l, enum kvm_guest_end how, uint32_t code, struct err *err);
/* Pauses the guest at the park point. */
void lifecycle_park(struct lifecycle *l);
/* Waits for the end. Returns -EIO, and the error that KVM reported, for KVM_GUEST_FAILED. */
int lifecycle_wait(struct lifecycle *l, struct err **err);

#endif
