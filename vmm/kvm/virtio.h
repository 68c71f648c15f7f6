/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio.h -- a guest's virtio devices, each a window of X86_VIRTIO_MMIO, and the thread that serves them. Doorbells
 * are ioeventfds and interrupts irqfds, so that no vCPU leaves the guest for longer than a register takes.
 */
#ifndef KTSTR_VMM_KVM_VIRTIO_H
#define KTSTR_VMM_KVM_VIRTIO_H

#include <pthread.h>

#include "vmm/dev/virtio_blk.h"
#include "vmm/dev/virtio_console.h"
#include "vmm/vmdevices.h"

#define KVM_VIRTIO_WINDOWS_MAX 2u
#define KVM_VIRTIO_INPUT_BYTES 4096u

struct kvm_guest;

struct kvm_virtio {
	struct kvm_guest *guest;
	pthread_mutex_t lock; /* of the device models */
	struct kvm_virtio_window {
		struct kvm_virtio *owner;
		struct virtio_mmio *mmio;
		int doorbell, irq; /* eventfds; KVM has them too */
	} window[KVM_VIRTIO_WINDOWS_MAX];
	unsigned windows;
	struct virtio_console console;
	struct virtio_blk disk;
	char input[KVM_VIRTIO_INPUT_BYTES]; /* read for hvc0, and not taken by the guest yet */
	size_t input_at, input_end;
	bool input_over;
	nsec_t again; /* when the disk wants to go on; 0: not before its doorbell */
	int stop_fd;
	pthread_t thread;
	bool started;
};

/* How many windows @d takes. */
unsigned kvm_virtio_windows(const struct vm_devices *d);
/*
 * Puts the devices of g->config->devices on the bus and has KVM know their lines; *@ret is NULL where there are none.
 * What is there after a failure is for kvm_virtio_free() too.
 */
int kvm_virtio_new(struct kvm_guest *g, struct kvm_virtio **ret, struct err **err);
/* Its thread. NULL is fine, below as well. */
int kvm_virtio_start(struct kvm_virtio *v, struct err **err);
/* Ends the thread and waits for it; one that writes to a full pipe ends when that is read. */
void kvm_virtio_stop(struct kvm_virtio *v);
void kvm_virtio_free(struct kvm_virtio *v);

#endif
