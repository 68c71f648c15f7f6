/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio.h -- a guest's virtio devices, each in a window of X86_VIRTIO_MMIO, and the thread that serves them. Doorbells
 * are ioeventfds and interrupts are irqfds, so a vCPU leaves the guest only for register accesses.
 */
#ifndef KTSTR_VMM_KVM_VIRTIO_H
#define KTSTR_VMM_KVM_VIRTIO_H

#include <pthread.h>

#include "vmm/dev/virtio_blk.h"
#include "vmm/dev/virtio_console.h"
#include "vmm/dev/virtio_net.h"
#include "vmm/vmdevices.h"

#define KVM_VIRTIO_WINDOWS_MAX (2u + VM_NETWORKS_MAX)
#define KVM_VIRTIO_INPUT_BYTES 4096u

struct kvm_guest;

struct kvm_virtio {
	struct kvm_guest *guest;
	pthread_mutex_t lock; /* protects the device models */
	struct kvm_virtio_window {
		struct kvm_virtio *owner;
		struct virtio_mmio *mmio;
		int doorbell, irq; /* eventfds, also registered with KVM */
	} window[KVM_VIRTIO_WINDOWS_MAX];
	unsigned windows;
	struct virtio_console console;
	struct virtio_blk disk;
	struct virtio_net network[VM_NETWORKS_MAX];
	char input[KVM_VIRTIO_INPUT_BYTES]; /* read for hvc0, not yet received by the guest */
	size_t input_at, input_end;
	bool input_over;
	nsec_t again; /* when to run the disk again; 0: only after its doorbell */
	int stop_fd;
	pthread_t thread;
	bool started;
};

/* Returns how many windows @d takes. */
unsigned kvm_virtio_windows(const struct vm_devices *d);
/*
 * Puts the devices of g->config->devices on the bus and registers their doorbells and interrupts with KVM. *@ret is
 * NULL where there are none. After a failure, kvm_virtio_free() is due for *@ret too.
 */
int kvm_virtio_new(struct kvm_guest *g, struct kvm_virtio **ret, struct err **err);
/* Starts the device thread. @v may be NULL, below as well. */
int kvm_virtio_start(struct kvm_virtio *v, struct err **err);
/* Ends the thread and waits for it. A thread that writes to a full pipe ends when that is read. */
void kvm_virtio_stop(struct kvm_virtio *v);
void kvm_virtio_free(struct kvm_virtio *v);

#endif
