/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio_mmio.h -- the virtio transport in a page of device memory (virtio 1.2, 4.2): it takes register accesses, calls
 * the device, and returns an interrupt level.
 */
#ifndef KTSTR_VMM_DEV_VIRTIO_MMIO_H
#define KTSTR_VMM_DEV_VIRTIO_MMIO_H

#include "vmm/dev/virtqueue.h"

#define VIRTIO_QUEUES_MAX 8u

struct virtio_mmio;

/* A type of device. virtio_mmio_write() makes the calls, so they run in the guest's exit. */
struct virtio_ops {
	uint32_t id; /* virtio 1.2, 5 */
	unsigned queues;
	/* The driver has added requests to queue @queue. Only while the device is in use. */
	void (*notify)(struct virtio_mmio *v, unsigned queue);
	/* NULL: the device has no state to reset. */
	void (*reset)(struct virtio_mmio *v);
};

struct virtio_mmio {
	const struct virtio_ops *ops;
	void *device; /* the device model's own */
	const struct x86_ram *ram;
	uint64_t features;  /* offered; VIRTIO_F_VERSION_1 always is */
	const void *config; /* the device's configuration space, read-only for the driver */
	uint32_t config_bytes;
	uint64_t driver_features;
	uint32_t features_word, driver_word, queue_selected, status, interrupts;
	struct virtq queue[VIRTIO_QUEUES_MAX];
};

void virtio_mmio_init(struct virtio_mmio *v, const struct virtio_ops *ops, void *device, const struct x86_ram *ram,
		      uint64_t features);
/* @offset in the window; @len 1, 2, 4 or 8 bytes, other than 4 only in the configuration space. */
uint64_t virtio_mmio_read(const struct virtio_mmio *v, uint64_t offset, unsigned len);
void virtio_mmio_write(struct virtio_mmio *v, uint64_t offset, unsigned len, uint64_t value);
/* The level of the interrupt line. Update the line after every call of the transport or its device. */
bool virtio_mmio_irq(const struct virtio_mmio *v);

/* For devices. Whether the driver has set the device up, and it is not broken. */
bool virtio_in_use(const struct virtio_mmio *v);
/* Tells the driver that requests of @queue were returned. */
void virtio_used(struct virtio_mmio *v, unsigned queue);
/* After an invalid request: the device serves nothing until the driver resets it. */
void virtio_broken(struct virtio_mmio *v);

#endif
