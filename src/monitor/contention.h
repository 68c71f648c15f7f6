/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * contention.h -- how long the host let the vCPUs of a machine wait for a CPU: the witness without which a latency in
 * the guest cannot be blamed on the guest. One tick each time that the times of the vCPUs' threads were read. All times
 * are in the guest's time: those of the host, divided by how many times slower the guest's passes.
 */
#ifndef KTSTR_MONITOR_CONTENTION_H
#define KTSTR_MONITOR_CONTENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/vcpu_times.h"

struct contention {
	uint64_t tick_ns;	/* usual time from one tick to the next */
	unsigned vcpus;		/* 0: nothing was read yet */
	struct vcpu_time *last; /* of each vCPU, as of the last tick that knew it */
	uint64_t *wait_ns;	/* of each tick: how much longer all vCPUs together waited, or we held the machine */
	uint64_t held_ns;	/* as of the last tick: how long we had held it */
	unsigned ticks, room;
	uint64_t cpu_ns, total_wait_ns;
	bool failed; /* out of memory: later ticks are missing, so that nothing is known */
};

/*
 * The first tick is only where the others begin. One that knows no vCPU does not count. @held_ns: how long we have held
 * the machine so far. That adds to latencies as a wait does, but the host has no part in it.
 */
void contention_tick(struct contention *c, const struct vcpu_time *now, unsigned vcpus, uint64_t held_ns);
/* There are ticks, and each vCPU was in some. */
bool contention_known(const struct contention *c);
/* 1 + waits / CPU time, of all vCPUs: 1 on an idle host. False: not known, or none of them ran. */
bool contention_dilation(const struct contention *c, double *ret);
/* The host and we have added at most so much to a latency of @length_ns (summary_host_delay()); 0: not known. */
uint64_t contention_wait(const struct contention *c, uint64_t length_ns);
void contention_done(struct contention *c);

#endif
