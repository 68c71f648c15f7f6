/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio_console.h -- a virtio console with ports (virtio 1.2, 5.3). Output of the guest goes to a callback; input for
 * the guest goes into its buffers. Port 0 is hvc0, the others are named ports.
 */
#ifndef KTSTR_VMM_DEV_VIRTIO_CONSOLE_H
#define KTSTR_VMM_DEV_VIRTIO_CONSOLE_H

#include <linux/virtio_console.h>

#include "vmm/dev/virtio_mmio.h"

#define CONSOLE_PORTS_MAX   3u	   /* two queues each, and two for control messages: VIRTIO_QUEUES_MAX */
#define CONSOLE_CHAIN_BYTES 32768u /* limit per request; the rest is dropped and counted */
#define CONSOLE_NAME_BYTES  16u
#define CONSOLE_PENDING_MAX 16u

/* @data is guest memory, which may change: copy it before decisions depend on it. */
typedef void console_sent_fn(void *userdata, unsigned port, const void *data, size_t len);

struct virtio_console {
	struct virtio_mmio mmio;
	console_sent_fn *sent;
	void *userdata;
	const char *name[CONSOLE_PORTS_MAX]; /* of ports 1 and up; must outlive the device */
	unsigned ports;
	bool open[CONSOLE_PORTS_MAX]; /* the guest has opened the port */
	uint64_t dropped;	      /* bytes */
	struct virtio_console_config config;
	struct virtio_console_control pending[CONSOLE_PENDING_MAX]; /* control messages that wait for a buffer */
	unsigned waiting;
	struct virtq_chain chain;
};

/* @names: of the @ports - 1 ports after the console. */
void virtio_console_init(struct virtio_console *c, unsigned ports, const char *const *names, console_sent_fn *sent,
			 void *userdata, const struct x86_ram *ram);
/* Sends bytes to the guest. Returns how many fitted; try again after its next notification. */
size_t virtio_console_receive(struct virtio_console *c, unsigned port, const void *data, size_t len);

#endif
