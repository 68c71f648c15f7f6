/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vcpu_times.h -- how long each vCPU ran on the host, and how long the host let it wait: the schedstat of its thread,
 * which is found by its name.
 */
#ifndef KTSTR_VMM_VCPU_TIMES_H
#define KTSTR_VMM_VCPU_TIMES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmm/pinning.h"

#define VCPU_THREAD_PREFIX "vcpu-" /* and the number of the vCPU */

struct vcpu_time {
	bool known;	  /* the thread is there, and the host's kernel keeps its times */
	uint64_t cpu_ns;  /* so far */
	uint64_t wait_ns; /* in which it could run but had no CPU, so far */
};

/* Zeroed at first. */
struct vcpu_threads {
	pid_t tid[GUEST_CPUS_MAX]; /* 0: not found yet */
	unsigned found;
};

/*
 * Reads the times of @vcpus threads of the process @pid. It may be in the hands of its guest, so its threads' names and
 * numbers are only taken for what they are. Returns how many are known.
 */
unsigned vcpu_times_read(struct vcpu_threads *t, pid_t pid, unsigned vcpus, struct vcpu_time *ret);

#endif
