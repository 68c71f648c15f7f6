/* SPDX-License-Identifier: GPL-2.0-only */
/* virtqueue.c -- see virtqueue.h. */
#include <linux/virtio_ring.h>
#include <string.h>

#include "vmm/dev/virtqueue.h"

#define BUFFER_BYTES_MAX ((uint64_t)1 << 26) /* of one request */

static bool in_one_region(const struct virtq *q, uint64_t address, uint64_t len, uint64_t align)
{
	return address % align == 0 && x86_ram_at(q->ram, address, len) != NULL;
}

int virtq_enable(struct virtq *q)
{
	uint64_t n = q->size;
	if (!n || n > VIRTQ_SIZE_MAX || (n & (n - 1)))
		return -EINVAL;
	if (!in_one_region(q, q->desc, n * sizeof(struct vring_desc), VRING_DESC_ALIGN_SIZE) ||
	    !in_one_region(q, q->avail, sizeof(struct vring_avail) + n * sizeof(uint16_t), VRING_AVAIL_ALIGN_SIZE) ||
	    !in_one_region(q, q->used, sizeof(struct vring_used) + n * sizeof(struct vring_used_elem),
			   VRING_USED_ALIGN_SIZE))
		return -EINVAL;
	q->next_avail = q->next_used = 0;
	q->ready = true;
	return 0;
}

/* --- the rings in guest memory; their places were checked once, their alignment makes each access one access ------ */

static const uint16_t *avail_word(const struct virtq *q, size_t index)
{
	return (const uint16_t *)x86_ram_at(q->ram, q->avail + index * sizeof(uint16_t), sizeof(uint16_t));
}

enum { AVAIL_FLAGS = 0, AVAIL_IDX = 1, AVAIL_RING = 2 };

static struct vring_desc read_desc(const struct virtq *q, uint16_t index)
{
	struct vring_desc d;
	memcpy(&d, x86_ram_at(q->ram, q->desc + index * sizeof(d), sizeof(d)), sizeof(d));
	return d;
}

bool virtq_wants_interrupt(const struct virtq *q)
{
	if (!q->ready)
		return false;
	return !(__atomic_load_n(avail_word(q, AVAIL_FLAGS), __ATOMIC_ACQUIRE) & VRING_AVAIL_F_NO_INTERRUPT);
}

void virtq_push(struct virtq *q, const struct virtq_chain *c, uint32_t written)
{
	struct vring_used_elem e = { .id = c->head, .len = written };
	uint64_t at = q->used + offsetof(struct vring_used, ring) + q->next_used % q->size * sizeof(e);
	memcpy(x86_ram_at(q->ram, at, sizeof(e)), &e, sizeof(e));
	q->next_used++;
	/* Pairs with the driver's read barrier: once it sees the index, it also sees the element. */
	uint16_t *idx = (uint16_t *)x86_ram_at(q->ram, q->used + offsetof(struct vring_used, idx), sizeof(*idx));
	__atomic_store_n(idx, q->next_used, __ATOMIC_RELEASE);
	/* Reads whether an interrupt is wanted after the driver can see the element. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* --- chains ------------------------------------------------------------------------------------------------------- */

static int add_buffer(const struct virtq *q, struct virtq_chain *c, const struct vring_desc *d)
{
	bool writable = d->flags & VRING_DESC_F_WRITE;
	uint64_t address = d->addr, left = d->len;
	if (!writable && c->pieces > c->readable)
		return -EBADMSG;
	if (c->read_bytes + c->write_bytes + left > BUFFER_BYTES_MAX)
		return -EBADMSG;
	*(writable ? &c->write_bytes : &c->read_bytes) += left;
	while (left) {
		uint64_t len;
		uint8_t *data = x86_ram_span(q->ram, address, left, &len);
		if (!data || c->pieces == VIRTQ_PIECES_MAX)
			return -EBADMSG;
		c->piece[c->pieces++] = (struct iovec){ .iov_base = data, .iov_len = len };
		c->readable += !writable;
		address += len;
		left -= len;
	}
	return 0;
}

/* A chain with more descriptors than the queue is a loop. */
static int read_chain(const struct virtq *q, struct virtq_chain *c)
{
	uint16_t index = c->head;
	for (uint32_t seen = 0; seen < q->size; seen++) {
		if (index >= q->size)
			return -EBADMSG;
		struct vring_desc d = read_desc(q, index);
		if (d.flags & VRING_DESC_F_INDIRECT) /* not offered */
			return -EBADMSG;
		int r = add_buffer(q, c, &d);
		if (r < 0)
			return r;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 1;
		index = d.next;
	}
	return -EBADMSG;
}

int virtq_pop(struct virtq *q, struct virtq_chain *ret)
{
	if (!q->ready)
		return 0;
	/* Pairs with the driver's barrier before it publishes the index: descriptors are read after the index. */
	uint16_t published = __atomic_load_n(avail_word(q, AVAIL_IDX), __ATOMIC_ACQUIRE);
	uint16_t waiting = (uint16_t)(published - q->next_avail);
	if (!waiting)
		return 0;
	if (waiting > q->size)
		return -EBADMSG;
	ret->head = __atomic_load_n(avail_word(q, AVAIL_RING + q->next_avail % q->size), __ATOMIC_RELAXED);
	ret->readable = ret->pieces = 0;
	ret->read_bytes = ret->write_bytes = 0;
	int r = read_chain(q, ret);
	if (r > 0)
		q->next_avail++;
	return r;
}

bool virtq_take(struct virtq_chain *c, void *data, size_t len)
{
	if (c->read_bytes < len)
		return false;
	c->read_bytes -= len;
	for (unsigned i = 0; len; i++) {
		struct iovec *p = &c->piece[i];
		size_t n = MIN_OF(len, p->iov_len);
		memcpy(data, p->iov_base, n);
		p->iov_base = (char *)p->iov_base + n;
		p->iov_len -= n;
		data = (char *)data + n;
		len -= n;
	}
	return true;
}

size_t virtq_put(const struct virtq_chain *c, size_t at, const void *data, size_t len)
{
	size_t done = 0;
	for (unsigned i = c->readable; i < c->pieces && done < len; i++) {
		const struct iovec *p = &c->piece[i];
		size_t skip = MIN_OF(at, p->iov_len), n = MIN_OF(len - done, p->iov_len - skip);
		memcpy((char *)p->iov_base + skip, (const char *)data + done, n);
		at -= skip;
		done += n;
	}
	return done;
}
