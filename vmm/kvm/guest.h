/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guest.h -- one virtual machine on KVM, in this process: memory, interrupt controllers, vCPU threads, its end.
 *
 * No globals: several guests live in one process, in tests; the product runs one a process (vmm/kvm/child.h). All
 * system calls on KVM's descriptors go through a table (vmm/kvm/sys.h).
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

#define APIC_ID_FULL_MAX  254  /* beyond it KVM's IOAPIC cannot address a CPU: split irqchip, x2APIC */
#define GUEST_CMDLINE_MAX 2048 /* COMMAND_LINE_SIZE of x86 Linux */

/* What a guest is made of. Plain data: the parent writes it into a file, the child reads it there. */
struct kvm_guest_config {
	struct ktstr_topology topology;
	uint32_t nodes;
	struct {
		int fd;	       /* memory, shared with whoever looks on */
		uint64_t size; /* bytes, whole MiB */
	} node[GUEST_NODES_MAX];
	int kernel_fd, initrd_fd, console_fd; /* initrd_fd may be -1 */
	bool events;			      /* report what happens: events.h */
	int events_fd, doorbell_fd;	      /* of the rings: one a vCPU, and one more; consumed */
	bool copy_kernel;	   /* all of it into the memory's files; else code is mapped, copy-on-write */
	bool split;		   /* the I/O APIC is ours also where KVM's would do: for tests */
	bool perf;		   /* see perf.h */
	struct vm_pinning pinning; /* for perf mode */
	struct vm_devices devices;
	unsigned time_dilation; /* > 1: the guest is told of a counter so many times as fast as it is */
	bool park;		/* the guest may park by X86_PORT_PARK; implies copy_kernel */
	bool clone;		/* it goes on with a snapshot, whose event log the nodes have already */
	int snapshot_fd;
	bool confined;	 /* see confine.h; for a process that is nothing but this guest */
	char device[64]; /* "/dev/kvm" */
	char cmdline[GUEST_CMDLINE_MAX];
};

struct kvm_vcpu;
struct kvm_cpuid2;

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
	struct shmring_writer main_events; /* of who owns the guest: events.h */
	struct bus bus;
	struct devices devices;
	struct kvm_virtio *virtio; /* NULL: no such device */
	struct confine confine[CONFINE_KIND_MAX];
	struct x86_entry entry;
	struct lifecycle life;
	struct perf_outcome perf[PERF_SETTING_MAX]; /* perf mode: what the host granted; life.lock */
	struct kvm_msr_list *msr_list;		    /* for save.h; NULL: it is not to be parked */
	bool xsave2;
	struct snapshot origin; /* what it goes on with; without a state: it boots */
};

/*
 * Makes a guest up to its first instruction: memory, kernel, tables, vCPUs not yet. @config must outlive it. Errors
 * name the step that failed. kvm_guest_done() is due whatever the result.
 */
int kvm_guest_init(struct kvm_guest *g, const struct kvm_sys *sys, const struct kvm_guest_config *config,
		   struct err **err);
/* One thread a vCPU; each creates and sets up its own. */
int kvm_guest_start(struct kvm_guest *g, struct err **err);
/* All vCPUs stand still when it returns, or the guest has ended. */
void kvm_guest_pause(struct kvm_guest *g);
void kvm_guest_resume(struct kvm_guest *g);
/* Registers of every vCPU, as text. Only while paused or ended. */
void kvm_guest_dump(struct kvm_guest *g, struct buf *out);
/* Waits for its end; -EIO with what KVM said when it failed. */
int kvm_guest_wait(struct kvm_guest *g, struct err **err);
/* Ends the vCPU threads and waits for them. */
void kvm_guest_stop(struct kvm_guest *g);
void kvm_guest_done(struct kvm_guest *g);

/* Reports each vCPU's heartbeat, and the guest's end. By who owns the guest, from one thread. */
void kvm_guest_report(struct kvm_guest *g);

#endif
