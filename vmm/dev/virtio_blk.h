/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio_blk.h -- a disk that is a file (virtio 1.2, 5.2): reads, writes, flushes, an identity, a rate limit.
 *
 * File accesses block: it belongs on a device thread. Time is an argument, so tests have their own.
 */
#ifndef KTSTR_VMM_DEV_VIRTIO_BLK_H
#define KTSTR_VMM_DEV_VIRTIO_BLK_H

#include <linux/virtio_blk.h>

#include "base/time.h"
#include "vmm/dev/virtio_mmio.h"

struct virtio_blk_limits {
	uint64_t bytes_per_s, requests_per_s; /* 0: none */
	nsec_t burst;			      /* what may be used ahead of time */
};

struct virtio_blk {
	struct virtio_mmio mmio;
	int fd; /* not owned */
	bool read_only, kicked;
	uint64_t sectors;
	struct virtio_blk_limits limits;
	nsec_t paid_until; /* when what was served so far is within the limits */
	struct virtio_blk_config config;
	struct virtq_chain chain; /* the request under way; too large for a stack */
	bool held;		  /* popped, and waiting for the limits */
};

/* @fd: a file of whole sectors (a rest is not shown). @limits: NULL for none. */
int virtio_blk_init(struct virtio_blk *b, int fd, bool read_only, const struct virtio_blk_limits *limits,
		    const struct x86_ram *ram, struct err **err);
/*
 * Serves what waits; call it after each virtio_mmio_write(), and again at the time returned (0: not before the next
 * write). Then set the interrupt line.
 */
nsec_t virtio_blk_run(struct virtio_blk *b, nsec_t now);

#endif
