/* SPDX-License-Identifier: GPL-2.0-only */
/* virtio_console.c -- see virtio_console.h. */
#include <linux/virtio_ids.h>
#include <string.h>

#include "base/bug.h"
#include "vmm/dev/virtio_console.h"

#define CHAINS_AT_ONCE VIRTQ_SIZE_MAX

/* 5.3.2: the control queues stand between the first port's and the others'. */
enum { QUEUE_TO_GUEST = 0, QUEUE_FROM_GUEST = 1, QUEUE_CONTROL_TO_GUEST = 2, QUEUE_CONTROL_FROM_GUEST = 3 };

static unsigned queue_to_guest(unsigned port)
{
	return port ? 2 * port + 2 : QUEUE_TO_GUEST;
}

static bool multiport(const struct virtio_console *c)
{
	return c->mmio.driver_features >> VIRTIO_CONSOLE_F_MULTIPORT & 1;
}

/* Without multiport the console is always open; with it the driver opens ports. Linux discards earlier input. */
static bool is_open(const struct virtio_console *c, unsigned port)
{
	return c->open[port] || (port == 0 && !multiport(c));
}

/* --- to the guest ------------------------------------------------------------------------------------------------- */

/* Fills buffers of @queue with @len bytes, as far as there are buffers. */
static size_t fill_buffers(struct virtio_console *c, unsigned queue, const void *data, size_t len)
{
	size_t done = 0;
	int r = 1;
	while (done < len && (r = virtq_pop(&c->mmio.queue[queue], &c->chain)) > 0) {
		size_t n = virtq_put(&c->chain, 0, (const char *)data + done, len - done);
		virtq_push(&c->mmio.queue[queue], &c->chain, (uint32_t)n);
		virtio_used(&c->mmio, queue);
		if (!n) /* a buffer without room, which drivers do not add */
			r = -EBADMSG;
		done += n;
		if (r < 0)
			break;
	}
	if (r < 0)
		virtio_broken(&c->mmio);
	return done;
}

size_t virtio_console_receive(struct virtio_console *c, unsigned port, const void *data, size_t len)
{
	if (port >= c->ports || !is_open(c, port) || !virtio_in_use(&c->mmio))
		return 0;
	return fill_buffers(c, queue_to_guest(port), data, len);
}

/* Each message has a buffer; a name follows its message in the same buffer. */
static bool send_control(struct virtio_console *c, const struct virtio_console_control *m)
{
	char text[sizeof(*m) + CONSOLE_NAME_BYTES];
	size_t len = sizeof(*m);
	memcpy(text, m, sizeof(*m));
	if (m->event == VIRTIO_CONSOLE_PORT_NAME) {
		size_t name = strnlen(c->name[m->id], CONSOLE_NAME_BYTES);
		memcpy(text + len, c->name[m->id], name);
		len += name;
	}
	int r = virtq_pop(&c->mmio.queue[QUEUE_CONTROL_TO_GUEST], &c->chain);
	if (r > 0 && c->chain.write_bytes < len)
		r = -EBADMSG;
	if (r < 0)
		virtio_broken(&c->mmio);
	if (r <= 0)
		return false;
	virtq_put(&c->chain, 0, text, len);
	virtq_push(&c->mmio.queue[QUEUE_CONTROL_TO_GUEST], &c->chain, (uint32_t)len);
	virtio_used(&c->mmio, QUEUE_CONTROL_TO_GUEST);
	return true;
}

static void flush_control(struct virtio_console *c)
{
	unsigned sent = 0;
	while (sent < c->waiting && send_control(c, &c->pending[sent]))
		sent++;
	c->waiting -= sent;
	memmove(c->pending, c->pending + sent, c->waiting * sizeof(c->pending[0]));
}

/* Drops messages beyond the limit, which is more than any driver needs. */
static void queue_control(struct virtio_console *c, unsigned port, uint16_t event, uint16_t value)
{
	if (c->waiting < CONSOLE_PENDING_MAX)
		c->pending[c->waiting++] =
			(struct virtio_console_control){ .id = port, .event = event, .value = value };
}

/* --- from the guest ----------------------------------------------------------------------------------------------- */

static void on_control(struct virtio_console *c, const struct virtio_console_control *m)
{
	if (m->event == VIRTIO_CONSOLE_DEVICE_READY && m->value) {
		for (unsigned i = 0; i < c->ports; i++)
			queue_control(c, i, VIRTIO_CONSOLE_PORT_ADD, 1);
		return;
	}
	if (m->id >= c->ports)
		return;
	if (m->event == VIRTIO_CONSOLE_PORT_READY && m->value) {
		queue_control(c, m->id, m->id ? VIRTIO_CONSOLE_PORT_NAME : VIRTIO_CONSOLE_CONSOLE_PORT, 1);
		queue_control(c, m->id, VIRTIO_CONSOLE_PORT_OPEN, 1);
	} else if (m->event == VIRTIO_CONSOLE_PORT_OPEN) {
		c->open[m->id] = m->value;
	}
}

static void send_output(struct virtio_console *c, unsigned port)
{
	size_t left = CONSOLE_CHAIN_BYTES;
	for (unsigned i = 0; i < c->chain.readable; i++) {
		size_t n = MIN_OF(left, c->chain.piece[i].iov_len);
		if (n)
			c->sent(c->userdata, port, c->chain.piece[i].iov_base, n);
		c->dropped += c->chain.piece[i].iov_len - n;
		left -= n;
	}
}

static void drain_queue(struct virtio_console *c, unsigned queue)
{
	struct virtio_console_control m;
	int r = 1;
	for (unsigned i = 0; i < CHAINS_AT_ONCE; i++) {
		r = virtq_pop(&c->mmio.queue[queue], &c->chain);
		if (r <= 0)
			break;
		bool whole = queue != QUEUE_CONTROL_FROM_GUEST || virtq_take(&c->chain, &m, sizeof(m));
		if (queue != QUEUE_CONTROL_FROM_GUEST)
			send_output(c, queue == QUEUE_FROM_GUEST ? 0 : queue / 2 - 1);
		else if (whole)
			on_control(c, &m);
		virtq_push(&c->mmio.queue[queue], &c->chain, 0);
		virtio_used(&c->mmio, queue);
	}
	if (r < 0)
		virtio_broken(&c->mmio);
}

static void on_notify(struct virtio_mmio *v, unsigned queue)
{
	struct virtio_console *c = v->device;
	if (queue > QUEUE_FROM_GUEST && (!multiport(c) || queue > queue_to_guest(c->ports - 1) + 1))
		return;
	if (queue & 1) /* odd queues come from the guest */
		drain_queue(c, queue);
	if (multiport(c) && virtio_in_use(v))
		flush_control(c);
}

static void on_reset(struct virtio_mmio *v)
{
	struct virtio_console *c = v->device;
	c->waiting = 0;
	for (unsigned i = 0; i < CONSOLE_PORTS_MAX; i++)
		c->open[i] = false;
}

static const struct virtio_ops console_ops = {
	.id = VIRTIO_ID_CONSOLE, .queues = VIRTIO_QUEUES_MAX, .notify = on_notify, .reset = on_reset
};

void virtio_console_init(struct virtio_console *c, unsigned ports, const char *const *names, console_sent_fn *sent,
			 void *userdata, const struct x86_ram *ram)
{
	REQUIRE(ports >= 1 && ports <= CONSOLE_PORTS_MAX);
	*c = (struct virtio_console){ .sent = sent, .userdata = userdata, .ports = ports };
	for (unsigned i = 1; i < ports; i++)
		c->name[i] = names[i - 1];
	c->config.max_nr_ports = ports;
	virtio_mmio_init(&c->mmio, &console_ops, c, ram, ports > 1 ? 1u << VIRTIO_CONSOLE_F_MULTIPORT : 0);
	c->mmio.config = &c->config;
	c->mmio.config_bytes = sizeof(c->config);
}
