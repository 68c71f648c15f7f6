/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio_blk.h -- a virtio disk backed by a file (virtio 1.2, 5.2): reads, writes, flushes, an identity, a rate limit.
 *
 * File accesses block, so it runs on a device thread. Time is an argument, so that tests can set it.
 */
#ifndef KTSTR_VMM_DEV_VIRTIO_BLK_H
#define KTSTR_VMM_DEV_VIRTIO_BLK_H

#include <linux/virtio_blk.h>

#include "base/time.h"
#include "vmm/dev/virtio_mmio.h"

struct virtio_blk_limits {
	uint64_t bytes_per_s, requests_per_s; /* 0: none */
	nsec_t burst;			      /* how much may be used in advance */
};

struct virtio_blk {
	struct virtio_mmio mmio;
	int fd; /* not owned */
	bool read_only, kicked;
	uint64_t sectors;
	struct virtio_blk_limits limits;
	nsec_t paid_until; /* when all requests served so far are within the limits */
	struct virtio_blk_config config;
	struct virtq_chain chain; /* the present request; too large for a stack */
	bool held;		  /* `chain` is popped and waits for the limits */
};

/* @fd: a file; a partial sector at its end is not visible. @limits: NULL for none. */
int virtio_blk_init(struct virtio_blk *b, int fd, bool read_only, const struct virtio_blk_limits *limits,
		    const struct x86_ram *ram, struct err **err);
/*
 * Serves waiting requests. Call it after each virtio_mmio_write(), and at the returned time (0: only after the next
 * write). Then update the interrupt line.
 */
nsec_t virtio_blk_run(struct virtio_blk *b, nsec_t now);

#endif
