/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * config.h -- the data between the orchestrator and `ktstr vmm`, its child: a struct in a file for the child; a struct
 * in shared memory and text in a pipe from the child. Both ends are the same build, so the structs are plain memory.
 */
#ifndef KTSTR_VMM_KVM_CONFIG_H
#define KTSTR_VMM_KVM_CONFIG_H

#include "vmm/kvm/guest.h"
#include "vmm/mark.h"
#include "vmm/kvm/stats.h"

/* Descriptors in the child. */
enum vmm_fd {
	VMM_FD_CONFIG = 3, /* struct vmm_config */
	VMM_FD_REPORT = 4, /* struct vmm_report, shared */
	VMM_FD_DIAG = 5,   /* pipe: register dumps for the orchestrator; it closes when the child ends */
	VMM_FD_CONSOLE = 6,
	VMM_FD_KERNEL = 7,
	VMM_FD_INITRD = 8,
	VMM_FD_PROGRAM = 9, /* the child's own program */
	VMM_FD_EVENTS = 10, /* the rings of events.h, and their doorbell */
	VMM_FD_DOORBELL = 11,
	VMM_FD_HVC_IN = 12, /* virtio devices, where there are any: vmdevices.h */
	VMM_FD_HVC_OUT = 13,
	VMM_FD_BULK_OUT = 14,
	VMM_FD_DISK = 15,
	VMM_FD_RAM0 = 16,
	VMM_FD_STATE = 24, /* to write the state of a machine that parks, or to read a clone's snapshot */
};

/* Exit statuses of the child. Errors are on its standard error. */
enum vmm_exit { VMM_EXIT_GUEST = 0, VMM_EXIT_FAILED = 1, VMM_EXIT_RESET = 3, VMM_EXIT_ASKED = 4, VMM_EXIT_PARKED = 5 };

_Static_assert(VMM_FD_STATE >= VMM_FD_RAM0 + GUEST_NODES_MAX, "every node has a number");

#define VMM_CONFIG_MAGIC 0x6b747631u

struct vmm_config {
	uint32_t magic, size; /* of the whole struct */
	struct kvm_guest_config guest;
};

/*
 * Written by the child, and read when it has ended, except for the mark. The guest may have taken over the child, so
 * the reader trusts no value.
 */
struct vmm_report {
	uint64_t exec_ns, boot_ns, end_ns; /* CLOCK_MONOTONIC: main() started, first instruction, end of the guest */
	uint64_t setup_cpu_ns;		   /* CPU time from exec to the first instruction */
	uint64_t exits;			   /* to user space, of all vCPUs */
	uint64_t unclaimed;		   /* accesses to addresses without a device */
	uint32_t exit_code;
	uint32_t end;				     /* enum kvm_guest_end */
	uint32_t counted_vcpus;			     /* number of valid rows of `stat` */
	uint64_t stat[GUEST_CPUS_MAX][KVM_STAT_MAX]; /* KVM's statistics of each vCPU */
	struct perf_outcome perf[PERF_SETTING_MAX];  /* zeros where perf mode was not asked for */
	struct vm_mark mark;
};

#define VMM_DIAG_MAX ((size_t)1 << 20)

#endif
