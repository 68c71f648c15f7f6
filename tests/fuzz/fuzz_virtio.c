/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that writes arbitrary data: to the registers of a disk, a console, a serial port and a clock, and into rings.
 * The input is one byte that says whether the devices are set up properly first, then a list of writes, nine bytes
 * each.
 */
#include <linux/virtio_mmio.h>
#include <sys/mman.h>

#include "base/file.h"
#include "fuzz.h"
#include "vmm/dev/pm.h"
#include "vmm/dev/rtc.h"
#include "vmm/dev/serial.h"
#include "vmm/dev/virtio_blk.h"
#include "vmm/dev/virtio_console.h"
#include "vmm/dev/virtio_net.h"

#define RAM_BYTES 0x8000u
#define DISK	  4096u

struct devices {
	struct virtio_blk disk;
	struct virtio_console console;
	struct virtio_net network;
	struct serial serial;
	struct pm pm;
	uint64_t seen;
};

static void on_console(void *userdata, unsigned port, const void *data, size_t len)
{
	struct devices *d = userdata;
	if (port >= CONSOLE_PORTS_MAX || len > CONSOLE_CHAIN_BYTES)
		abort();
	for (size_t i = 0; i < len; i++)
		d->seen += ((const uint8_t *)data)[i];
}

static void on_serial(void *userdata, uint8_t byte)
{
	((struct devices *)userdata)->seen += byte;
}

static void set_up(struct virtio_mmio *v, unsigned queues)
{
	const uint32_t begin[][2] = {
		{ VIRTIO_MMIO_STATUS, 3 },
		{ VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)v->features },
		{ VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1 },
		{ VIRTIO_MMIO_DRIVER_FEATURES, 1 },
		{ VIRTIO_MMIO_STATUS, 11 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(begin); i++)
		virtio_mmio_write(v, begin[i][0], 4, begin[i][1]);
	for (unsigned q = 0; q < queues; q++) {
		virtio_mmio_write(v, VIRTIO_MMIO_QUEUE_SEL, 4, q);
		virtio_mmio_write(v, VIRTIO_MMIO_QUEUE_NUM, 4, 8);
		virtio_mmio_write(v, VIRTIO_MMIO_QUEUE_DESC_LOW, 4, q * 0x400);
		virtio_mmio_write(v, VIRTIO_MMIO_QUEUE_AVAIL_LOW, 4, q * 0x400 + 0x100);
		virtio_mmio_write(v, VIRTIO_MMIO_QUEUE_USED_LOW, 4, q * 0x400 + 0x200);
		virtio_mmio_write(v, VIRTIO_MMIO_QUEUE_READY, 4, 1);
	}
	virtio_mmio_write(v, VIRTIO_MMIO_STATUS, 4, 15);
}

/* One write: its target, a 32-bit place, a 32-bit value. */
static void step(struct devices *d, uint8_t *memory, const uint8_t *at, int64_t now)
{
	uint32_t where, value;
	memcpy(&where, at + 1, 4);
	memcpy(&value, at + 5, 4);
	struct virtio_mmio *v = at[0] & 16 ? &d->network.mmio : at[0] & 1 ? &d->disk.mmio : &d->console.mmio;
	switch (at[0] >> 1 & 7) {
	case 0:
		virtio_mmio_write(v, where % 0x200, 4, value);
		d->seen += virtio_mmio_read(v, where % 0x200, 4);
		break;
	case 1:
		virtio_mmio_write(v, VIRTIO_MMIO_QUEUE_NOTIFY, 4, value % VIRTIO_QUEUES_MAX);
		break;
	case 2:
		serial_write(&d->serial, where, (uint8_t)value);
		d->seen += serial_read(&d->serial, value) + serial_irq(&d->serial);
		d->seen += serial_receive(&d->serial, at, value % 9);
		break;
	case 3:
		d->seen += virtio_console_receive(&d->console, where % 4, at, value % 9);
		break;
	case 4:
		d->seen += pm_write(&d->pm, where, value % 8, value) + pm_read(&d->pm, where, 4);
		d->seen += rtc_read((uint8_t)where, (time_t)((uint64_t)where << 32 | value));
		break;
	default:
		memcpy(memory + where % (RAM_BYTES - 4), &value, 4);
		break;
	}
	virtio_blk_run(&d->disk, now);
	if (d->serial.waiting > SERIAL_FIFO || d->console.waiting > CONSOLE_PENDING_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "ktstr.0", "ktstr.1" };
	_cleanup_free_ struct devices *d = calloc(1, sizeof(*d));
	_cleanup_free_ uint8_t *memory = aligned_alloc(4096, RAM_BYTES);
	_cleanup_close_ int fd = memfd_new("fuzz-disk", DISK);
	if (!d || !memory || fd < 0 || !size)
		return 0;
	memset(memory, 0, RAM_BYTES);
	/* Two regions with a hole between them; their ends are where ASan detects overruns. */
	struct x86_ram ram = {
		.count = 2,
		.region = { { .address = 0, .size = RAM_BYTES / 2, .host = memory },
			    { .address = RAM_BYTES, .size = RAM_BYTES / 2, .host = memory + RAM_BYTES / 2 } }
	};
	struct virtio_blk_limits limits = { .bytes_per_s = data[0] & 2 ? 1000 : 0, .requests_per_s = 100 };
	if (virtio_blk_init(&d->disk, fd, data[0] & 4, &limits, &ram, NULL) < 0)
		abort();
	virtio_console_init(&d->console, 3, names, on_console, d, &ram);
	virtio_net_init(&d->network, (const uint8_t[]){ 2, 0, 0, 0, 0, 1 }, &ram);
	serial_init(&d->serial, on_serial, d);
	if (data[0] & 1) {
		set_up(&d->disk.mmio, 1);
		set_up(&d->console.mmio, 8);
		set_up(&d->network.mmio, 2);
	}
	for (size_t at = 1; at + 9 <= size && at < 9 * 2000; at += 9)
		step(d, memory, data + at, (int64_t)at * 1000000);
	return 0;
}
