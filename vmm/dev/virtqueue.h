/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtqueue.h -- the device's side of a split virtqueue (virtio 1.2, 2.7).
 *
 * The rings lie in memory that a hostile guest writes at any time: every index and descriptor is copied once and then
 * checked; a queue that lies is broken until the driver resets the device. What a chain points to can change under the
 * device's hands, so it copies what it decides by.
 */
#ifndef KTSTR_VMM_DEV_VIRTQUEUE_H
#define KTSTR_VMM_DEV_VIRTQUEUE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "vmm/x86/ram.h"

#define VIRTQ_SIZE_MAX	 256u
#define VIRTQ_PIECES_MAX (VIRTQ_SIZE_MAX + 8u) /* some for buffers that cross a region's border */

struct virtq {
	const struct x86_ram *ram;
	uint64_t desc, avail, used; /* guest-physical, from the driver; checked by virtq_enable() */
	uint32_t size;		    /* entries, from the driver; checked too */
	bool ready;
	uint16_t next_avail, next_used;
};

/* One request: what the device may read, then what it may write. All of it is guest RAM. */
struct virtq_chain {
	uint16_t head;
	unsigned readable, pieces; /* piece[0 .. readable-1] are for reading, the others for writing */
	struct iovec piece[VIRTQ_PIECES_MAX];
	size_t read_bytes, write_bytes;
};

/* -EINVAL: size or addresses are impossible, or not all in one region of RAM. */
int virtq_enable(struct virtq *q);
/* 1: the next request; 0: none; -EBADMSG: the queue lies. */
int virtq_pop(struct virtq *q, struct virtq_chain *ret);
/* Gives the request back; @written: bytes from the start of the writable pieces. */
void virtq_push(struct virtq *q, const struct virtq_chain *c, uint32_t written);
/* Whether the driver wants to be interrupted for what was given back. */
bool virtq_wants_interrupt(const struct virtq *q);

/* Takes @len bytes off the front of the readable pieces; false, and nothing taken, where there are fewer. */
bool virtq_take(struct virtq_chain *c, void *data, size_t len);
/* Copies @data to the writable pieces, @at bytes in. Returns how much there was room for. */
size_t virtq_put(const struct virtq_chain *c, size_t at, const void *data, size_t len);

#endif
