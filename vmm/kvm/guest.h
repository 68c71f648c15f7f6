/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guest.h -- one virtual machine on KVM, in this process: memory, interrupt controllers, vCPU threads.
 *
 * There are no globals, so tests can run several guests in one process; the product runs one per process
 * (vmm/kvm/child.h). All system calls on KVM's descriptors go through a table (vmm/kvm/sys.h).
 */
#ifndef KTSTR_VMM_KVM_GUEST_H
#define KTSTR_VMM_KVM_GUEST_H

#include <stdbool.h>

#include <ktstr/topology.h>

#include "base/buf.h"
#include "base/err.h"
#include "reactor/shmring.h"
#include "vmm/guestmem.h"
#include "vmm/kvm/bus.h"
#include "vmm/kvm/confine.h"
#include "vmm/kvm/devices.h"
#include "vmm/kvm/lifecycle.h"
#include "vmm/kvm/perf.h"
#include "vmm/kvm/sys.h"
#include "vmm/kvm/virtio.h"
#include "vmm/pinning.h"
#include "vmm/snapshot.h"
#include "vmm/x86/boot.h"

#define APIC_ID_FULL_MAX  254  /* above it KVM's I/O APIC cannot address a CPU: split irqchip, x2APIC */
#define GUEST_CMDLINE_MAX 2048 /* COMMAND_LINE_SIZE of x86 Linux */

/* The description of a guest. Plain data: the parent writes it into a file, the child reads it from there. */
struct kvm_guest_config {
	struct ktstr_topology topology;
	uint32_t nodes;
	struct {
		int fd;	       /* memory, shared with the orchestrator */
		uint64_t size; /* bytes, whole MiB */
	} node[GUEST_NODES_MAX];
	int kernel_fd, initrd_fd, console_fd; /* initrd_fd may be -1 */
	bool events;			      /* report events: events.h */
	int events_fd, doorbell_fd;	      /* of the rings: one per vCPU, and one for the main thread; consumed */
	bool copy_kernel;		      /* copy all of the kernel; else its constants are mapped copy-on-write */
	bool split;			      /* use our own I/O APIC always: for tests */
	bool perf;			      /* see perf.h */
	uint32_t marks;			      /* a vCPU waits at marks of these kinds, as bits: mark.h */
	struct vm_pinning pinning;	      /* for perf mode */
	struct vm_devices devices;
	unsigned time_dilation; /* > 1: the guest is told that its time stamp counter is this many times as fast */
	bool park;		/* the guest may park by X86_PORT_PARK; implies copy_kernel */
	bool clone;		/* continue a snapshot, whose event log is already in the nodes' memory */
	bool filled;		/* with clone: so is all of its memory; otherwise the snapshot's pages are mapped */
	int snapshot_fd;
	bool confined;	 /* see confine.h; only for a process that runs nothing but this guest */
	char device[64]; /* "/dev/kvm" */
	char cmdline[GUEST_CMDLINE_MAX];
};

struct kvm_vcpu;
struct kvm_cpuid2;
struct vm_mark;

struct kvm_guest {
	const struct kvm_sys *sys;
	const struct kvm_guest_config *config;
	int kvm, vm;
	size_t run_size;	    /* of a vCPU's shared page */
	void *map[GUEST_NODES_MAX]; /* host address of each node */
	struct x86_ram ram;
	struct kvm_cpuid2 *cpuid; /* what the host's KVM supports */
	struct kvm_vcpu *vcpu;
	unsigned vcpus;
	bool split;	 /* split irqchip */
	bool perf_alone; /* perf mode: every vCPU has a CPU of its own */
	struct shmring_area events;
	struct shmring_writer main_events; /* written by the thread that owns the guest: events.h */
	struct bus bus;
	struct devices devices;
	struct kvm_virtio *virtio; /* NULL: no such device */
	struct confine confine[CONFINE_KIND_MAX];
	struct x86_entry entry;
	struct lifecycle life;
	struct perf_outcome perf[PERF_SETTING_MAX]; /* perf mode: what the host granted; life.lock */
	struct kvm_msr_list *msr_list;		    /* for save.h; NULL: the guest does not park */
	bool xcr0; /* the processor has XSAVE, and the register that enables its parts */
	bool xsave2;
	struct vm_mark *mark;	/* where to put marks; NULL: nobody wants them */
	struct snapshot origin; /* the snapshot of a clone; without a state: the guest boots */
};

/*
 * Makes a guest, without its vCPUs. @config must outlive it. An error names the step that failed. kvm_guest_done() is
 * due whatever the result.
 */
int kvm_guest_init(struct kvm_guest *g, const struct kvm_sys *sys, const struct kvm_guest_config *config,
		   struct err **err);
/* Starts one thread per vCPU; each creates and sets up its own vCPU. */
int kvm_guest_start(struct kvm_guest *g, struct err **err);
/* Returns when all vCPUs are paused, or the guest has ended. */
void kvm_guest_pause(struct kvm_guest *g);
void kvm_guest_resume(struct kvm_guest *g);
/* Appends the registers of every vCPU as text. Only while paused or ended. */
void kvm_guest_dump(struct kvm_guest *g, struct buf *out);
/* lifecycle_wait() */
int kvm_guest_wait(struct kvm_guest *g, struct err **err);
/* Ends the vCPU threads and waits for them. */
void kvm_guest_stop(struct kvm_guest *g);
void kvm_guest_done(struct kvm_guest *g);

/* Reports each vCPU's heartbeat and the guest's end. Only on the thread that owns the guest. */
void kvm_guest_report(struct kvm_guest *g);

#endif
