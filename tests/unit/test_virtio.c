/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtqueues, the mmio transport, disk and console, with a driver that follows the rules, and with one that does not.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "base/file.h"
#include "t.h"
#include "vmm/dev/virtio_blk.h"
#include "vmm/dev/virtio_console.h"

/* --- a driver ----------------------------------------------------------------------------------------------------- */

#define RAM_BYTES 0x20000u
#define QUEUE	  8u
#define DATA	  0x10000u /* buffers; rings lie below */

static _Alignas(4096) uint8_t memory[RAM_BYTES];
/* Two regions that are adjacent for the guest, but not in the host's memory. */
static struct x86_ram ram = { .count = 2,
			      .region = { { .address = 0, .size = 0x18000, .host = memory + 0x8000 },
					  { .address = 0x18000, .size = 0x8000, .host = memory } } };
static struct virtio_mmio *dev;
static uint16_t published[VIRTIO_QUEUES_MAX];

static struct vring_desc *desc(unsigned q)
{
	return (void *)x86_ram_at(&ram, 0x1000 * (q + 1), 0x1000);
}
static struct vring_avail *avail(unsigned q)
{
	return (void *)x86_ram_at(&ram, 0x1000 * (q + 1) + 0x400, 0x100);
}
static struct vring_used *used(unsigned q)
{
	return (void *)x86_ram_at(&ram, 0x1000 * (q + 1) + 0x800, 0x100);
}
static uint8_t *data(uint32_t at)
{
	return x86_ram_at(&ram, DATA + at, 1);
}

static uint32_t get(uint64_t reg)
{
	return (uint32_t)virtio_mmio_read(dev, reg, 4);
}
static void put(uint64_t reg, uint32_t value)
{
	virtio_mmio_write(dev, reg, 4, value);
}

static void queue_up(unsigned q)
{
	uint64_t base = 0x1000 * (q + 1);
	put(VIRTIO_MMIO_QUEUE_SEL, q);
	ck_assert_uint_ge(get(VIRTIO_MMIO_QUEUE_NUM_MAX), QUEUE);
	put(VIRTIO_MMIO_QUEUE_NUM, QUEUE);
	put(VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)base);
	put(VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)base + 0x400);
	put(VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)base + 0x800);
	put(VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(get(VIRTIO_MMIO_QUEUE_READY), 1);
}

static void features(uint32_t low)
{
	put(VIRTIO_MMIO_STATUS, 1);
	put(VIRTIO_MMIO_STATUS, 3);
	put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	put(VIRTIO_MMIO_DRIVER_FEATURES, low);
	put(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	put(VIRTIO_MMIO_DRIVER_FEATURES, 1);
	put(VIRTIO_MMIO_STATUS, 11);
}

static void up(struct virtio_mmio *v, uint32_t low, unsigned queues)
{
	dev = v;
	memset(memory, 0, sizeof(memory));
	memset(published, 0, sizeof(published));
	features(low);
	ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 11);
	for (unsigned q = 0; q < queues; q++)
		queue_up(q);
	put(VIRTIO_MMIO_STATUS, 15);
	ck_assert(virtio_in_use(v));
}

static void describe(unsigned q, unsigned i, uint32_t at, uint32_t len, uint16_t flags)
{
	desc(q)[i] = (struct vring_desc){ .addr = DATA + at, .len = len, .flags = flags, .next = (uint16_t)(i + 1) };
}

static void publish(unsigned q, uint16_t head)
{
	avail(q)->ring[published[q]++ % QUEUE] = head;
	avail(q)->idx = published[q];
	put(VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* --- the transport ------------------------------------------------------------------------------------------------ */

static struct virtio_console console;
static char said[256];
static size_t said_len;
static unsigned said_port;

static void on_sent(void *userdata, unsigned port, const void *bytes, size_t len)
{
	(void)userdata;
	said_port = port;
	for (size_t i = 0; i < len && said_len < sizeof(said) - 1; i++)
		said[said_len++] = ((const char *)bytes)[i];
	said[said_len] = '\0';
}

static void console_new(unsigned ports)
{
	static const char *const names[] = { "ktstr.0", "ktstr.1" };
	said_len = 0;
	virtio_console_init(&console, ports, names, on_sent, NULL, &ram);
}

START_TEST(transport_introduces_itself)
{
	console_new(1);
	dev = &console.mmio;
	ck_assert_uint_eq(get(VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	ck_assert_uint_eq(get(VIRTIO_MMIO_VERSION), 2);
	ck_assert_uint_eq(get(VIRTIO_MMIO_DEVICE_ID), 3);
	put(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	ck_assert_uint_eq(get(VIRTIO_MMIO_DEVICE_FEATURES), 1);
	put(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
	ck_assert_uint_eq(get(VIRTIO_MMIO_DEVICE_FEATURES), 0);
	put(VIRTIO_MMIO_QUEUE_SEL, 8);
	ck_assert_uint_eq(get(VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	ck_assert_uint_eq(virtio_mmio_read(dev, 0x104, 4), 1);
	ck_assert_uint_eq(virtio_mmio_read(dev, 0x104, 2), 1);
	ck_assert_uint_eq(virtio_mmio_read(dev, 0x10a, 4), 0);
	ck_assert_uint_eq(virtio_mmio_read(dev, UINT64_MAX, 8), 0);
	ck_assert_uint_eq(virtio_mmio_read(dev, 0, 1), 0);
}
END_TEST

START_TEST(transport_refuses_features_not_offered)
{
	console_new(1);
	dev = &console.mmio;
	features(1u << 5);
	ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 3);
	put(VIRTIO_MMIO_STATUS, 0);
	ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 0);
	put(VIRTIO_MMIO_STATUS, 11); /* without version 1 */
	ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS), 3);
	put(VIRTIO_MMIO_STATUS, 15);
	ck_assert(!virtio_in_use(&console.mmio));
}
END_TEST

static const struct {
	uint32_t size, desc, avail, used;
} bad_queues[] = {
	{ 0, 0x1000, 0x1400, 0x1800 },	  { 7, 0x1000, 0x1400, 0x1800 },    { 512, 0x1000, 0x2000, 0x3000 },
	{ 8, 0x1008, 0x1400, 0x1800 },	  { 8, 0x1000, 0x1401, 0x1800 },    { 8, 0x1000, 0x1400, 0x1802 },
	{ 8, 0x17ff0, 0x1400, 0x1800 },	  { 8, 0x1000, RAM_BYTES, 0x1800 }, { 8, 0x1000, 0x1400, RAM_BYTES - 8 },
	{ 256, 0x1f800, 0x1400, 0x1800 },
};

START_TEST(transport_refuses_queues_that_cannot_be)
{
	console_new(1);
	dev = &console.mmio;
	features(0);
	put(VIRTIO_MMIO_QUEUE_NUM, bad_queues[_i].size);
	put(VIRTIO_MMIO_QUEUE_DESC_LOW, bad_queues[_i].desc);
	put(VIRTIO_MMIO_QUEUE_AVAIL_LOW, bad_queues[_i].avail);
	put(VIRTIO_MMIO_QUEUE_USED_LOW, bad_queues[_i].used);
	put(VIRTIO_MMIO_QUEUE_READY, 1);
	ck_assert_uint_eq(get(VIRTIO_MMIO_QUEUE_READY), 0);
	ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS) & 0x40, 0x40);
	ck_assert_uint_eq(get(VIRTIO_MMIO_INTERRUPT_STATUS), 2);
	put(VIRTIO_MMIO_STATUS, 0);
	ck_assert(!virtio_mmio_irq(dev));
}
END_TEST

static void lie_head(void)
{
	avail(1)->ring[0] = QUEUE;
	avail(1)->idx = 1;
}
static void lie_idx(void)
{
	avail(1)->idx = QUEUE + 1;
}
static void lie_next(void)
{
	describe(1, 0, 0, 1, 1);
	desc(1)[0].next = QUEUE;
	avail(1)->idx = 1;
}
static void lie_loop(void)
{
	describe(1, 0, 0, 1, 1);
	desc(1)[0].next = 0;
	avail(1)->idx = 1;
}
static void lie_address(void)
{
	describe(1, 0, 0, 1, 0);
	desc(1)[0].addr = RAM_BYTES;
	avail(1)->idx = 1;
}
static void lie_length(void)
{
	describe(1, 0, 0, RAM_BYTES, 0);
	avail(1)->idx = 1;
}
static void lie_wrap(void)
{
	describe(1, 0, 0, UINT32_MAX, 0);
	desc(1)[0].addr = UINT64_MAX - 1;
	avail(1)->idx = 1;
}
static void lie_indirect(void)
{
	describe(1, 0, 0, 16, 4);
	avail(1)->idx = 1;
}
static void lie_order(void)
{
	describe(1, 0, 0, 1, 3);
	describe(1, 1, 0, 1, 0);
	avail(1)->idx = 1;
}

static void (*const lies[])(void) = { lie_head,	  lie_idx,  lie_next,	  lie_loop, lie_address,
				      lie_length, lie_wrap, lie_indirect, lie_order };

START_TEST(queues_that_lie_are_broken)
{
	console_new(1);
	up(&console.mmio, 0, 2);
	lies[_i]();
	put(VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS) & 0x40, 0x40);
	ck_assert_uint_eq(said_len, 0);
	ck_assert_uint_eq(used(1)->idx, 0);
	describe(1, 0, 0, 1, 0);
	publish(1, 0);
	ck_assert_uint_eq(said_len, 0);
	/* A reset repairs it. */
	put(VIRTIO_MMIO_STATUS, 0);
	up(&console.mmio, 0, 2);
	describe(1, 0, 0, 1, 0);
	publish(1, 0);
	ck_assert_uint_eq(said_len, 1);
}
END_TEST

/* --- console ------------------------------------------------------------------------------------------------------ */

START_TEST(console_sends_and_receives)
{
	console_new(1);
	up(&console.mmio, 0, 2);
	/* One buffer lies across the regions' border. */
	memcpy(data(0), "hel", 3);
	memcpy(data(0x7fff), "l", 1);
	memcpy(data(0x8000), "o", 1);
	describe(1, 0, 0, 3, 1);
	describe(1, 1, 0x7fff, 2, 0);
	publish(1, 0);
	ck_assert_str_eq(said, "hello");
	ck_assert_uint_eq(used(1)->idx, 1);
	ck_assert_uint_eq(get(VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	put(VIRTIO_MMIO_INTERRUPT_ACK, 1);
	ck_assert(!virtio_mmio_irq(dev));
	ck_assert_uint_eq(virtio_console_receive(&console, 0, "abcdef", 6), 0);
	describe(0, 0, 0x100, 4, 2);
	avail(0)->flags = 1;
	publish(0, 0);
	ck_assert_uint_eq(virtio_console_receive(&console, 0, "abcdef", 6), 4);
	ck_assert(!virtio_mmio_irq(dev));
	ck_assert(!memcmp(data(0x100), "abcd", 4));
	ck_assert_uint_eq(used(0)->ring[0].len, 4);
	ck_assert_uint_eq(virtio_console_receive(&console, 1, "x", 1), 0);
}
END_TEST

START_TEST(console_takes_so_much_of_a_request)
{
	console_new(1);
	up(&console.mmio, 0, 2);
	describe(1, 0, 0, 30000, 1);
	describe(1, 1, 0, 30000, 0);
	publish(1, 0);
	ck_assert_uint_eq(console.dropped, 60000 - CONSOLE_CHAIN_BYTES);
	ck_assert_uint_eq(used(1)->idx, 1);
}
END_TEST

static void control(uint32_t id, uint16_t event, uint16_t value)
{
	struct virtio_console_control m = { .id = id, .event = event, .value = value };
	memcpy(data(0), &m, sizeof(m));
	describe(3, 0, 0, sizeof(m), 0);
	publish(3, 0);
}

START_TEST(console_has_named_ports)
{
	console_new(2);
	up(&console.mmio, 2, 6);
	for (unsigned i = 0; i < QUEUE; i++) {
		describe(2, i, 0x1000 + 64 * i, 64, 2);
		publish(2, (uint16_t)i);
	}
	control(0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	ck_assert_uint_eq(used(2)->idx, 2);
	control(1, VIRTIO_CONSOLE_PORT_READY, 1);
	ck_assert_uint_eq(used(2)->idx, 4);
	struct virtio_console_control m;
	memcpy(&m, data(0x1000 + 64 * 2), sizeof(m));
	ck_assert_uint_eq(m.event, VIRTIO_CONSOLE_PORT_NAME);
	ck_assert(!memcmp(data(0x1000 + 64 * 2 + sizeof(m)), "ktstr.0", 7));
	ck_assert_uint_eq(used(2)->ring[2].len, sizeof(m) + 7);
	ck_assert_uint_eq(virtio_console_receive(&console, 1, "x", 1), 0);
	/* Nor does the console: Linux offers buffers long before a process reads, and would drop the input. */
	describe(0, 0, 0x3800, 8, 2);
	publish(0, 0);
	ck_assert_uint_eq(virtio_console_receive(&console, 0, "y", 1), 0);
	control(0, VIRTIO_CONSOLE_PORT_OPEN, 1);
	ck_assert_uint_eq(virtio_console_receive(&console, 0, "y", 1), 1);
	control(1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	describe(4, 0, 0x3000, 8, 2);
	publish(4, 0);
	ck_assert_uint_eq(virtio_console_receive(&console, 1, "x", 1), 1);
	memcpy(data(0), "port", 4);
	describe(5, 0, 0, 4, 0);
	publish(5, 0);
	ck_assert_uint_eq(said_port, 1);
	ck_assert_str_eq(said, "port");
	/* Messages without a buffer wait, up to a limit; unknown ports are ignored. */
	for (unsigned i = 0; i < 100; i++)
		control(i % 2, VIRTIO_CONSOLE_PORT_READY, 1);
	control(2, VIRTIO_CONSOLE_PORT_OPEN, 1);
	control(UINT32_MAX, VIRTIO_CONSOLE_PORT_READY, 1);
	ck_assert_uint_eq(console.waiting, CONSOLE_PENDING_MAX);
	ck_assert(virtio_in_use(dev));
}
END_TEST

/* --- disk --------------------------------------------------------------------------------------------------------- */

static struct virtio_blk disk;

static int disk_new(bool read_only, const struct virtio_blk_limits *limits)
{
	int fd = memfd_new("disk", 4 * 512 + 100);
	t_ok(fd);
	t_ok(virtio_blk_init(&disk, fd, read_only, limits, &ram, NULL));
	up(&disk.mmio, (uint32_t)disk.mmio.features, 1);
	return fd;
}

/* Header in two pieces, then @len bytes of data at 0x1000, then the status at 0x100. */
static uint8_t ask(uint32_t type, uint64_t sector, uint32_t len, bool in)
{
	struct virtio_blk_outhdr h = { .type = type, .sector = sector };
	memcpy(data(0), &h, sizeof(h));
	*data(0x100) = 0xff;
	describe(0, 0, 0, 10, 1);
	describe(0, 1, 10, 6, 1);
	describe(0, 2, 0x1000, len, in ? 3 : 1);
	describe(0, 3, 0x100, 1, 2);
	publish(0, 0);
	ck_assert_int_eq(virtio_blk_run(&disk, 1), 0);
	return *data(0x100);
}

START_TEST(disk_reads_and_writes)
{
	int fd = disk_new(false, NULL);
	ck_assert_uint_eq(virtio_mmio_read(dev, 0x100, 8), 4);
	memset(data(0x1000), 'w', 1024);
	ck_assert_uint_eq(ask(VIRTIO_BLK_T_OUT, 2, 1024, false), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(used(0)->ring[0].len, 1);
	memset(data(0x1000), 0, 1024);
	ck_assert_uint_eq(ask(VIRTIO_BLK_T_IN, 1, 1024, true), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(used(0)->ring[1].len, 1025);
	ck_assert_uint_eq(*data(0x1000 + 511), 0);
	ck_assert_uint_eq(*data(0x1000 + 512), 'w');
	ck_assert_uint_eq(ask(VIRTIO_BLK_T_FLUSH, 0, 0, false), VIRTIO_BLK_S_OK);
	ck_assert_uint_eq(ask(VIRTIO_BLK_T_GET_ID, 0, 20, true), VIRTIO_BLK_S_OK);
	ck_assert_str_eq((char *)data(0x1000), "ktstr");
	ck_assert_uint_eq(get(VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	close(fd);
}
END_TEST

static const struct {
	uint32_t type;
	uint64_t sector;
	uint32_t len;
	uint8_t status;
} bad_requests[] = {
	{ VIRTIO_BLK_T_IN, 4, 512, VIRTIO_BLK_S_IOERR },
	{ VIRTIO_BLK_T_IN, 3, 1024, VIRTIO_BLK_S_IOERR },
	{ VIRTIO_BLK_T_IN, UINT64_MAX, 512, VIRTIO_BLK_S_IOERR },
	{ VIRTIO_BLK_T_IN, UINT64_MAX / 512 + 1, 512, VIRTIO_BLK_S_IOERR },
	{ VIRTIO_BLK_T_IN, 0, 511, VIRTIO_BLK_S_IOERR },
	{ VIRTIO_BLK_T_OUT, 5, 0, VIRTIO_BLK_S_IOERR },
	{ VIRTIO_BLK_T_DISCARD, 0, 512, VIRTIO_BLK_S_UNSUPP },
	{ 0xdead, 0, 512, VIRTIO_BLK_S_UNSUPP },
};

START_TEST(disk_refuses)
{
	int fd = disk_new(false, NULL);
	bool in = bad_requests[_i].type == VIRTIO_BLK_T_IN;
	ck_assert_uint_eq(ask(bad_requests[_i].type, bad_requests[_i].sector, bad_requests[_i].len, in),
			  bad_requests[_i].status);
	close(fd);
}
END_TEST

START_TEST(disk_read_only)
{
	struct err *err = NULL;
	int fd = disk_new(true, NULL);
	ck_assert_uint_eq(disk.mmio.features >> VIRTIO_BLK_F_RO & 1, 1);
	ck_assert_uint_eq(ask(VIRTIO_BLK_T_OUT, 0, 512, false), VIRTIO_BLK_S_IOERR);
	ck_assert_int_eq(ftruncate(fd, 511), 0);
	t_errno(virtio_blk_init(&disk, fd, true, NULL, &ram, &err), EINVAL);
	t_err_contains(&err, "511 bytes is less than a sector");
	close(fd);
}
END_TEST

/* A request without status or header is ignored. */
START_TEST(disk_request_cut_short)
{
	int fd = disk_new(false, NULL);
	describe(0, 0, 0, 15, 1);
	describe(0, 1, 0x100, 1, 2);
	if (_i)
		describe(0, 0, 0, 16, 0);
	publish(0, 0);
	virtio_blk_run(&disk, 1);
	ck_assert_uint_eq(get(VIRTIO_MMIO_STATUS) & 0x40, 0x40);
	ck_assert_uint_eq(used(0)->idx, 0);
	close(fd);
}
END_TEST

START_TEST(disk_keeps_to_its_limits)
{
	struct virtio_blk_limits limits = { .bytes_per_s = 513 + 16, .requests_per_s = 1000 };
	int fd = disk_new(false, &limits);
	for (unsigned i = 0; i < 3; i++) {
		describe(0, 0, 0, 16, 1);
		describe(0, 1, 0x1000, 512, 3);
		describe(0, 2, 0x100, 1, 2);
		publish(0, 0);
	}
	nsec_t now = 5 * NSEC_PER_SEC;
	for (unsigned i = 1; i < 3; i++) {
		ck_assert_int_eq(virtio_blk_run(&disk, now), now + NSEC_PER_SEC);
		ck_assert_uint_eq(used(0)->idx, i);
		ck_assert_int_eq(virtio_blk_run(&disk, now + NSEC_PER_SEC - 1), now + NSEC_PER_SEC);
		now += NSEC_PER_SEC;
	}
	ck_assert_int_eq(virtio_blk_run(&disk, now), 0);
	ck_assert_uint_eq(used(0)->idx, 3);
	close(fd);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, transport_introduces_itself);
	tcase_add_test(tc, transport_refuses_features_not_offered);
	tcase_add_loop_test(tc, transport_refuses_queues_that_cannot_be, 0, ARRAY_SIZE(bad_queues));
	tcase_add_loop_test(tc, queues_that_lie_are_broken, 0, ARRAY_SIZE(lies));
	tcase_add_test(tc, console_sends_and_receives);
	tcase_add_test(tc, console_takes_so_much_of_a_request);
	tcase_add_test(tc, console_has_named_ports);
	tcase_add_test(tc, disk_reads_and_writes);
	tcase_add_loop_test(tc, disk_refuses, 0, ARRAY_SIZE(bad_requests));
	tcase_add_test(tc, disk_read_only);
	tcase_add_loop_test(tc, disk_request_cut_short, 0, 2);
	tcase_add_test(tc, disk_keeps_to_its_limits);
}

int main(void)
{
	return t_main("virtio", fill);
}
