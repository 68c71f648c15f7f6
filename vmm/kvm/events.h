/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * events.h -- events that a machine's threads report while it runs, as records of event rings (reactor/shmring.h). Ring
 * n belongs to the thread of vCPU n, the last ring to the main thread. A record that does not fit is dropped and
 * counted; no thread waits.
 *
 * Exits for single bytes of the console are not recorded: they are most exits of a boot.
 */
#ifndef KTSTR_VMM_KVM_EVENTS_H
#define KTSTR_VMM_KVM_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/kvm/stats.h"
#include "vmm/vcpu_times.h"

#define VM_EVENT_RING_BYTES 65536u

enum vm_event_type {
	VM_EVENT_EXIT = 1,  /* struct vm_event_exit: a vCPU left the guest for user space */
	VM_EVENT_CONSOLE,   /* struct vm_event_console: a line is written out */
	VM_EVENT_STATE,	    /* struct vm_event_state: a vCPU's thread changes its state */
	VM_EVENT_HEARTBEAT, /* struct vm_event_heartbeat: for each vCPU, by the main thread, 10 times a second */
	VM_EVENT_END,	    /* struct vm_event_end: the last record of the main thread */
};

/* All times are in nanoseconds of CLOCK_MONOTONIC. */
struct vm_event_exit {
	uint64_t time_ns;
	uint64_t address; /* port or guest-physical address, or vector; else 0 */
	uint32_t reason;  /* KVM_EXIT_... */
	uint32_t size;	  /* bytes accessed; bit 31: a write */
};

struct vm_event_console {
	uint64_t time_ns, bytes; /* bytes: total so far */
};

struct vm_event_state {
	uint64_t time_ns, state;
};

enum vm_event_states { VM_EVENT_STATE_RUNS, VM_EVENT_STATE_PAUSED, VM_EVENT_STATE_ENDED };

struct vm_event_heartbeat {
	uint64_t time_ns;
	uint32_t vcpu, reserved;
	uint64_t cpu_ns, steal_ns; /* of the vCPU's thread: running on a CPU; ready, but waiting for one */
	uint64_t stat[KVM_STAT_MAX];
};

struct vm_event_end {
	uint64_t time_ns;
	uint32_t end, code; /* enum kvm_guest_end; the value written to the exit port */
};

/* Sums over the records of one machine. */
enum vm_tally {
	VM_TALLY_RECORDS,
	VM_TALLY_DROPPED,
	VM_TALLY_DAMAGED,  /* damaged rings, and invalid records */
	VM_TALLY_IO_EXITS, /* without those for the console's bytes */
	VM_TALLY_MMIO_EXITS,
	VM_TALLY_EOI_EXITS,
	VM_TALLY_OTHER_EXITS,
	VM_TALLY_CONSOLE_BYTES,
	VM_TALLY_PAUSES,
	VM_TALLY_HEARTBEATS,
	VM_TALLY_CPU_NS, /* sum over all vCPU threads, at their last heartbeats */
	VM_TALLY_STEAL_NS,
	VM_TALLY_MAX,
};

extern const char *const vm_tally_names[VM_TALLY_MAX];

struct vm_tally_state {
	uint64_t sum[VM_TALLY_MAX];
	uint64_t cpu_ns, steal_ns;	       /* sums of the present round of heartbeats */
	uint32_t round;			       /* the vCPU whose heartbeat comes next */
	struct vcpu_time last[GUEST_CPUS_MAX]; /* as of each vCPU's last heartbeat */
};

struct shmring_item;
/* Counts one record. The guest may have taken over the process that wrote it, so every value is checked. */
void vm_tally_record(struct vm_tally_state *t, unsigned vcpus, const struct shmring_item *item);

#endif
