/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * events.h -- what a machine's threads report while it runs, as records of event rings (reactor/shmring.h): ring n is
 * vCPU n's thread's, the last one the main thread's. What a ring has no room for is dropped and counted; nobody waits.
 *
 * Exits for the console's bytes are not recorded one by one: they are most of a boot.
 */
#ifndef KTSTR_VMM_KVM_EVENTS_H
#define KTSTR_VMM_KVM_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/kvm/stats.h"

#define VM_EVENT_RING_BYTES 65536u

enum vm_event_type {
	VM_EVENT_EXIT = 1,  /* struct vm_event_exit: a vCPU left the guest for user space */
	VM_EVENT_CONSOLE,   /* struct vm_event_console: a line is written out */
	VM_EVENT_STATE,	    /* struct vm_event_state: a vCPU's thread goes to another state */
	VM_EVENT_HEARTBEAT, /* struct vm_event_heartbeat: of each vCPU, by the main thread, 10 times a second */
	VM_EVENT_END,	    /* struct vm_event_end: the last record of the main thread */
};

/* All times are CLOCK_MONOTONIC's, in nanoseconds. */
struct vm_event_exit {
	uint64_t time_ns;
	uint64_t address; /* of a port or of memory, or a vector; 0 else */
	uint32_t reason;  /* KVM_EXIT_... */
	uint32_t size;	  /* bytes accessed; bit 31: a write */
};

struct vm_event_console {
	uint64_t time_ns, bytes; /* bytes: all so far */
};

struct vm_event_state {
	uint64_t time_ns, state; /* enum vm_event_states */
};

enum vm_event_states { VM_EVENT_STATE_RUNS, VM_EVENT_STATE_PAUSED, VM_EVENT_STATE_ENDED };

struct vm_event_heartbeat {
	uint64_t time_ns;
	uint32_t vcpu, reserved;
	uint64_t cpu_ns, steal_ns; /* of the vCPU's thread: on a CPU; ready, but waiting for one */
	uint64_t stat[KVM_STAT_MAX];
};

struct vm_event_end {
	uint64_t time_ns;
	uint32_t end, code; /* enum kvm_guest_end; what was written to the exit port */
};

/* What the records of one machine came to. */
enum vm_tally {
	VM_TALLY_RECORDS,
	VM_TALLY_DROPPED,
	VM_TALLY_DAMAGED,  /* rings that no thread of ours left like this, and records that are none */
	VM_TALLY_IO_EXITS, /* without the console's bytes */
	VM_TALLY_MMIO_EXITS,
	VM_TALLY_EOI_EXITS,
	VM_TALLY_OTHER_EXITS,
	VM_TALLY_CONSOLE_BYTES,
	VM_TALLY_PAUSES,
	VM_TALLY_HEARTBEATS,
	VM_TALLY_CPU_NS, /* of all vCPU threads, at their last heartbeats */
	VM_TALLY_STEAL_NS,
	VM_TALLY_MAX,
};

extern const char *const vm_tally_names[VM_TALLY_MAX];

struct vm_tally_state {
	uint64_t sum[VM_TALLY_MAX];
	uint64_t cpu_ns, steal_ns; /* of the round of heartbeats that is under way */
	uint32_t round;		   /* the vCPU whose heartbeat it waits for */
};

struct shmring_item;
/* Counts one record. The process that wrote it is its guest's by now, perhaps: nothing of it is believed. */
void vm_tally_record(struct vm_tally_state *t, unsigned vcpus, const struct shmring_item *item);

#endif
