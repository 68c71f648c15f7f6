/* SPDX-License-Identifier: GPL-2.0-only */
/* virtio_net.c -- see virtio_net.h. */
#include <linux/if_ether.h>
#include <linux/virtio_ids.h>
#include <string.h>

#include "vmm/dev/virtio_net.h"

enum { QUEUE_RECEIVE, QUEUE_SEND, QUEUES };

#define PACKETS_AT_ONCE VIRTQ_SIZE_MAX /* then other devices are served, even if the guest keeps adding packets */
#define GROUP_BIT	1u	       /* of the first byte of an address */

/* Copies what the driver sends, without the header before it. Returns its length; 0: it is no packet. */
static size_t take_packet(struct virtio_net *n)
{
	struct virtio_net_hdr_v1 header;
	struct virtq_chain *c = &n->chain;
	if (!virtq_take(c, &header, sizeof(header)))
		return 0;
	size_t len = c->read_bytes;
	if (len < ETH_HLEN || len > sizeof(n->packet) || !virtq_take(c, n->packet, len))
		return 0;
	return len;
}

static bool is_for_us(const struct virtio_net *n)
{
	return n->packet[0] & GROUP_BIT || !memcmp(n->packet, n->config.mac, ETH_ALEN);
}

/* Puts the packet into the driver's next buffer. 0: there is none, or it is too small; -EBADMSG: an invalid one. */
static int receive_packet(struct virtio_net *n, size_t len)
{
	const struct virtio_net_hdr_v1 header = { .num_buffers = 1 };
	struct virtq *q = &n->mmio.queue[QUEUE_RECEIVE];
	int r = virtq_pop(q, &n->chain);
	if (r <= 0)
		return r;
	bool fits = n->chain.write_bytes >= sizeof(header) + len;
	if (fits) {
		virtq_put(&n->chain, 0, &header, sizeof(header));
		virtq_put(&n->chain, sizeof(header), n->packet, len);
	}
	virtq_push(q, &n->chain, fits ? (uint32_t)(sizeof(header) + len) : 0);
	virtio_used(&n->mmio, QUEUE_RECEIVE);
	return fits;
}

/* One packet from the driver and back to it. 1; 0: none is left; -EBADMSG. */
static int loop_packet(struct virtio_net *n)
{
	struct virtq *q = &n->mmio.queue[QUEUE_SEND];
	int r = virtq_pop(q, &n->chain);
	if (r <= 0)
		return r;
	size_t len = take_packet(n);
	virtq_push(q, &n->chain, 0);
	virtio_used(&n->mmio, QUEUE_SEND);
	r = len && is_for_us(n) ? receive_packet(n, len) : 0;
	n->looped += r > 0;
	n->dropped += r == 0;
	return r < 0 ? r : 1;
}

/* New buffers to receive packets need nothing: a packet without a buffer is lost, as on a wire. */
static void on_notify(struct virtio_mmio *v, unsigned queue)
{
	struct virtio_net *n = v->device;
	int r = queue == QUEUE_SEND;
	for (unsigned i = 0; i < PACKETS_AT_ONCE && r > 0; i++)
		r = loop_packet(n);
	if (r < 0)
		virtio_broken(v);
}

static const struct virtio_ops net_ops = { .id = VIRTIO_ID_NET, .queues = QUEUES, .notify = on_notify };

void virtio_net_init(struct virtio_net *n, const uint8_t *address, const struct x86_ram *ram)
{
	*n = (struct virtio_net){ 0 };
	memcpy(n->config.mac, address, ETH_ALEN);
	virtio_mmio_init(&n->mmio, &net_ops, n, ram, 1u << VIRTIO_NET_F_MAC);
	n->mmio.config = &n->config;
	n->mmio.config_bytes = sizeof(n->config);
}
