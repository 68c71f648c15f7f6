/* SPDX-License-Identifier: GPL-2.0-only */
/* virtio_blk.c -- see virtio_blk.h. */
#include <linux/virtio_ids.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "vmm/dev/virtio_blk.h"

#define SECTOR		 512u
#define SEGMENTS_MAX	 (VIRTQ_SIZE_MAX - 2) /* of data; the header and the status need descriptors too */
#define REQUESTS_AT_ONCE VIRTQ_SIZE_MAX /* then other devices are served, even if the guest keeps adding requests */
#define ID_TEXT		 "ktstr"

static void on_notify(struct virtio_mmio *v, unsigned queue)
{
	(void)queue;
	((struct virtio_blk *)v->device)->kicked = true;
}

static void on_reset(struct virtio_mmio *v)
{
	struct virtio_blk *b = v->device;
	b->kicked = b->held = false;
}

static const struct virtio_ops blk_ops = { .id = VIRTIO_ID_BLOCK, .queues = 1, .notify = on_notify, .reset = on_reset };

int virtio_blk_init(struct virtio_blk *b, int fd, bool read_only, const struct virtio_blk_limits *limits,
		    const struct x86_ram *ram, struct err **err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return FAIL_SYS(err, -errno, "read the size of the disk's file");
	if (st.st_size < (off_t)SECTOR)
		return FAIL(err, ERR_DATA, -EINVAL, "disk: a file of %ld bytes is less than a sector",
			    (long)st.st_size);
	*b = (struct virtio_blk){ .fd = fd, .read_only = read_only, .sectors = (uint64_t)st.st_size / SECTOR };
	b->limits = limits ? *limits : (struct virtio_blk_limits){ 0 };
	b->config.capacity = b->sectors;
	b->config.seg_max = SEGMENTS_MAX;
	b->config.blk_size = SECTOR;
	virtio_mmio_init(&b->mmio, &blk_ops, b, ram,
			 1u << VIRTIO_BLK_F_SEG_MAX | 1u << VIRTIO_BLK_F_BLK_SIZE | 1u << VIRTIO_BLK_F_FLUSH |
				 (read_only ? 1u << VIRTIO_BLK_F_RO : 0));
	b->mmio.config = &b->config;
	b->mmio.config_bytes = sizeof(b->config);
	return 0;
}

/* --- one request -------------------------------------------------------------------------------------------------- */

static bool in_disk(const struct virtio_blk *b, uint64_t sector, uint64_t bytes)
{
	return bytes % SECTOR == 0 && sector <= b->sectors && bytes / SECTOR <= b->sectors - sector;
}

/* Reads or writes @bytes of the file at @at, from or to pieces of guest memory. */
static uint8_t transfer_data(const struct virtio_blk *b, const struct iovec *piece, uint64_t at, uint64_t bytes,
			     bool in)
{
	for (; bytes; piece++) {
		size_t n = MIN_OF(bytes, piece->iov_len);
		int r = in ? fd_pread_full(b->fd, piece->iov_base, n, (off_t)at)
			   : fd_pwrite_full(b->fd, piece->iov_base, n, (off_t)at);
		if (r < 0)
			return VIRTIO_BLK_S_IOERR;
		at += n;
		bytes -= n;
	}
	return VIRTIO_BLK_S_OK;
}

static uint8_t serve_request(struct virtio_blk *b, const struct virtio_blk_outhdr *h, uint32_t *ret_written)
{
	static const char id[VIRTIO_BLK_ID_BYTES] = ID_TEXT;
	struct virtq_chain *c = &b->chain;
	uint64_t room = c->write_bytes - 1;
	switch (h->type) {
	case VIRTIO_BLK_T_IN:
		if (!in_disk(b, h->sector, room))
			return VIRTIO_BLK_S_IOERR;
		*ret_written = (uint32_t)room;
		return transfer_data(b, c->piece + c->readable, h->sector * SECTOR, room, true);
	case VIRTIO_BLK_T_OUT:
		if (b->read_only || !in_disk(b, h->sector, c->read_bytes))
			return VIRTIO_BLK_S_IOERR;
		return transfer_data(b, c->piece, h->sector * SECTOR, c->read_bytes, false);
	case VIRTIO_BLK_T_FLUSH:
		return fdatasync(b->fd) < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_GET_ID:
		*ret_written = (uint32_t)virtq_put(c, 0, id, MIN_OF(room, sizeof(id)));
		return VIRTIO_BLK_S_OK;
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/* The header is the first 16 readable bytes, the status the last writable one, however the driver cuts them up. */
static int complete_request(struct virtio_blk *b)
{
	struct virtq *q = &b->mmio.queue[0];
	struct virtio_blk_outhdr h;
	uint32_t written = 0;
	if (!b->chain.write_bytes || !virtq_take(&b->chain, &h, sizeof(h)))
		return -EBADMSG;
	uint8_t status = serve_request(b, &h, &written);
	virtq_put(&b->chain, b->chain.write_bytes - 1, &status, 1);
	virtq_push(q, &b->chain, written + 1);
	virtio_used(&b->mmio, 0);
	return 1;
}

/* --- the limits --------------------------------------------------------------------------------------------------- */

static nsec_t request_cost(const struct virtio_blk *b)
{
	uint64_t bytes = b->chain.read_bytes + b->chain.write_bytes;
	nsec_t by_bytes = b->limits.bytes_per_s ? (nsec_t)(bytes * NSEC_PER_SEC / b->limits.bytes_per_s) : 0;
	nsec_t by_count = b->limits.requests_per_s ? (nsec_t)(NSEC_PER_SEC / b->limits.requests_per_s) : 0;
	return MAX_OF(by_bytes, by_count);
}

/* Returns when the request may be served: when at most the burst is owed. */
static nsec_t request_due(const struct virtio_blk *b)
{
	return b->paid_until > b->limits.burst ? b->paid_until - b->limits.burst : 0;
}

static int next_request(struct virtio_blk *b, nsec_t now, nsec_t *ret_again)
{
	int r = b->held ? 1 : virtq_pop(&b->mmio.queue[0], &b->chain);
	b->held = false;
	if (r <= 0)
		return r;
	if (request_due(b) > now) {
		b->held = true;
		*ret_again = request_due(b);
		return 0;
	}
	b->paid_until = MAX_OF(b->paid_until, now) + request_cost(b);
	return complete_request(b);
}

nsec_t virtio_blk_run(struct virtio_blk *b, nsec_t now)
{
	nsec_t again = 0;
	if (!b->kicked || !virtio_in_use(&b->mmio))
		return 0;
	int r = 1;
	for (unsigned i = 0; i < REQUESTS_AT_ONCE && r > 0; i++)
		r = next_request(b, now, &again);
	if (r < 0)
		virtio_broken(&b->mmio);
	b->kicked = r > 0 || again;
	return r > 0 ? now : again;
}
