/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtqueue.h -- the device's side of a split virtqueue (virtio 1.2, 2.7).
 *
 * The rings are in memory that a hostile guest may write at any time. Every index and descriptor is copied once and
 * then checked; an invalid one breaks the queue until the driver resets the device. The buffers of a chain may change
 * during the request, so the device copies data before decisions depend on it.
 */
#ifndef KTSTR_VMM_DEV_VIRTQUEUE_H
#define KTSTR_VMM_DEV_VIRTQUEUE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "vmm/x86/ram.h"

#define VIRTQ_SIZE_MAX	 256u
#define VIRTQ_PIECES_MAX (VIRTQ_SIZE_MAX + 8u) /* 8 more for buffers that cross a region's border */

struct virtq {
	const struct x86_ram *ram;
	uint64_t desc, avail, used; /* guest-physical, from the driver; checked by virtq_enable() */
	uint32_t size;		    /* entries, from the driver; checked too */
	bool ready;
	uint16_t next_avail, next_used;
};

/* One request: readable pieces, then writable pieces. All of it is guest RAM. */
struct virtq_chain {
	uint16_t head;
	unsigned readable, pieces; /* piece[0 .. readable-1] are for reading, the others for writing */
	struct iovec piece[VIRTQ_PIECES_MAX];
	size_t read_bytes, write_bytes;
};

/* Checks and enables the queue. -EINVAL: invalid size or addresses, or not all in one region of RAM. */
int virtq_enable(struct virtq *q);
/* Returns 1 and the next request; 0: none; -EBADMSG: the queue is invalid. */
int virtq_pop(struct virtq *q, struct virtq_chain *ret);
/* Returns the request to the driver; @written: bytes from the start of the writable pieces. */
void virtq_push(struct virtq *q, const struct virtq_chain *c, uint32_t written);
/* Whether the driver wants an interrupt for returned requests. */
bool virtq_wants_interrupt(const struct virtq *q);

/* Removes @len bytes from the front of the readable pieces. False: there are fewer, and none are removed. */
bool virtq_take(struct virtq_chain *c, void *data, size_t len);
/* Copies @data to the writable pieces from byte @at on. Returns how much fitted. */
size_t virtq_put(const struct virtq_chain *c, size_t at, const void *data, size_t len);

#endif
