/* SPDX-License-Identifier: GPL-2.0-only */
/* virtio_mmio.c -- see virtio_mmio.h. */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

#include "base/bug.h"
#include "vmm/dev/virtio_mmio.h"

#define MAGIC	   0x74726976u /* "virt" */
#define VERSION	   2u
#define VENDOR	   0x5453544bu /* "KTST" */
#define INT_USED   1u
#define INT_CONFIG 2u
#define STATUS_RUNNING \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)

void virtio_mmio_init(struct virtio_mmio *v, const struct virtio_ops *ops, void *device, const struct x86_ram *ram,
		      uint64_t features)
{
	REQUIRE(ops->queues <= VIRTIO_QUEUES_MAX);
	*v = (struct virtio_mmio){
		.ops = ops, .device = device, .ram = ram, .features = features | (uint64_t)1 << VIRTIO_F_VERSION_1
	};
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
		v->queue[i].ram = ram;
}

bool virtio_mmio_irq(const struct virtio_mmio *v)
{
	return v->interrupts != 0;
}

bool virtio_in_use(const struct virtio_mmio *v)
{
	return (v->status & STATUS_RUNNING) == STATUS_RUNNING &&
	       !(v->status & (VIRTIO_CONFIG_S_FAILED | VIRTIO_CONFIG_S_NEEDS_RESET));
}

void virtio_used(struct virtio_mmio *v, unsigned queue)
{
	if (virtq_wants_interrupt(&v->queue[queue]))
		v->interrupts |= INT_USED;
}

void virtio_broken(struct virtio_mmio *v)
{
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	v->interrupts |= INT_CONFIG;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static const struct virtq *selected_queue(const struct virtio_mmio *v)
{
	return v->queue_selected < v->ops->queues ? &v->queue[v->queue_selected] : NULL;
}

static uint64_t read_config(const struct virtio_mmio *v, uint64_t at, unsigned len)
{
	uint64_t value = 0;
	if (len <= sizeof(value) && at < v->config_bytes && len <= v->config_bytes - at)
		memcpy(&value, (const char *)v->config + at, len);
	return value;
}

uint64_t virtio_mmio_read(const struct virtio_mmio *v, uint64_t offset, unsigned len)
{
	const struct virtq *q = selected_queue(v);
	if (offset >= VIRTIO_MMIO_CONFIG)
		return read_config(v, offset - VIRTIO_MMIO_CONFIG, len);
	if (len != 4)
		return 0;
	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return v->ops->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return v->features_word < 2 ? (uint32_t)(v->features >> 32 * v->features_word) : 0;
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return q ? VIRTQ_SIZE_MAX : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return q && q->ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return v->interrupts;
	case VIRTIO_MMIO_STATUS:
		return v->status;
	case VIRTIO_MMIO_SHM_LEN_LOW: /* no shared memory: all ones */
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX;
	default:
		return 0;
	}
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void reset_device(struct virtio_mmio *v)
{
	v->driver_features = 0;
	v->features_word = v->driver_word = v->queue_selected = v->status = v->interrupts = 0;
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++)
		v->queue[i] = (struct virtq){ .ram = v->ram };
	if (v->ops->reset)
		v->ops->reset(v);
}

/* 3.1.1: FEATURES_OK is kept only if the driver chose offered features. The driver cannot clear bits. */
static void write_status(struct virtio_mmio *v, uint32_t value)
{
	if (!value) {
		reset_device(v);
		return;
	}
	bool good = !(v->driver_features & ~v->features) && (v->driver_features >> VIRTIO_F_VERSION_1 & 1);
	if (!(v->status & VIRTIO_CONFIG_S_FEATURES_OK) && !good)
		value &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
	v->status |= value & 0xffu & ~(uint32_t)VIRTIO_CONFIG_S_NEEDS_RESET;
}

static void write_features(struct virtio_mmio *v, uint32_t value)
{
	if (v->driver_word > 1 || (v->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	unsigned shift = 32 * v->driver_word;
	v->driver_features &= ~((uint64_t)UINT32_MAX << shift);
	v->driver_features |= (uint64_t)value << shift;
}

static void set_half(uint64_t *address, bool high, uint32_t value)
{
	*address = high ? (*address & UINT32_MAX) | (uint64_t)value << 32 : (*address & ~(uint64_t)UINT32_MAX) | value;
}

/* The addresses of a ready queue can change only after a reset. */
static void write_queue(struct virtio_mmio *v, uint64_t offset, uint32_t value)
{
	struct virtq *q = (struct virtq *)selected_queue(v);
	if (!q || q->ready)
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		q->size = value;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		if ((value & 1) && virtq_enable(q) < 0)
			virtio_broken(v);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&q->desc, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&q->avail, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&q->used, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
		break;
	default:
		break;
	}
}

void virtio_mmio_write(struct virtio_mmio *v, uint64_t offset, unsigned len, uint64_t wide)
{
	uint32_t value = (uint32_t)wide;
	if (len != 4 || offset >= VIRTIO_MMIO_CONFIG)
		return;
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		v->features_word = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_features(v, value);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		v->driver_word = value;
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		v->queue_selected = value;
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		if (value < v->ops->queues && virtio_in_use(v))
			v->ops->notify(v, value);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		v->interrupts &= ~value;
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(v, value);
		break;
	default:
		write_queue(v, offset, value);
		break;
	}
}
