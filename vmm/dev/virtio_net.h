/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio_net.h -- a virtio network device that is connected to itself (virtio 1.2, 5.1): each packet that the driver
 * sends to the device's own address, or to a group, is received by the driver. No packet leaves the machine.
 */
#ifndef KTSTR_VMM_DEV_VIRTIO_NET_H
#define KTSTR_VMM_DEV_VIRTIO_NET_H

#include <linux/virtio_net.h>

#include "vmm/dev/virtio_mmio.h"

#define VIRTIO_NET_PACKET_MAX 1514u /* of Ethernet, without a checksum; no larger ones are offered */

struct virtio_net {
	struct virtio_mmio mmio;
	struct virtio_net_config config;
	struct virtq_chain chain; /* the present packet; too large for a stack */
	uint8_t packet[VIRTIO_NET_PACKET_MAX];
	uint64_t looped, dropped; /* dropped: for other addresses, too long, or without a buffer to receive them */
};

/* @address: of the device, 6 bytes. The interrupt line may change with each virtio_mmio_write(). */
void virtio_net_init(struct virtio_net *n, const uint8_t *address, const struct x86_ram *ram);

#endif
