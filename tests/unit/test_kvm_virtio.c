/* SPDX-License-Identifier: GPL-2.0-only */
/* Virtio devices as a guest on KVM sees them: on its bus, served by their own thread, over a fake KVM. */
#include <linux/kvm.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/file.h"
#include "fake_kvm.h"
#include "t.h"
#include "tiny_kernel.h"
#include "vmm/kvm/guest.h"
#include "vmm/x86/layout.h"

static const uint8_t halt[] = { 0xf4 };
static const struct step never_exits[] = { { .blocks = true } };
static const struct ktstr_topology one = { 1, 1, 1, 1 };

/* A guest whose vCPU blocks for ever; the test acts as its driver. */
struct rig {
	struct fake fake;
	struct kvm_sys sys;
	struct kvm_guest_config config;
	struct kvm_guest *guest;
	int in[2], out[2], bulk[2]; /* pipes: hvc0's input and output, the further port */
};

static void rig_config(struct rig *r)
{
	char sector[1024] = "the first sector";
	*r = (struct rig){ .in = { -1, -1 } };
	r->sys = fake_sys(&r->fake, never_exits, 1);
	r->config = (struct kvm_guest_config){
		.topology = one, .nodes = 1, .initrd_fd = -1, .device = "/dev/kvm", .console_fd = -1
	};
	r->config.node[0].size = (uint64_t)192 << 20;
	r->config.node[0].fd = memfd_new("ram", r->config.node[0].size);
	r->config.kernel_fd = kernel_with(halt, sizeof(halt));
	ck_assert(pipe(r->in) == 0 && pipe(r->out) == 0 && pipe(r->bulk) == 0);
	r->config.devices = (struct vm_devices){ .console = true,
						 .disk = true,
						 .console_in = r->in[0],
						 .console_out = r->out[1],
						 .bulk_out = r->bulk[1],
						 .networks = 1,
						 .disk_fd = memfd_new("disk", 0) };
	t_ok(fd_write_full(r->config.devices.disk_fd, sector, sizeof(sector)));
	r->guest = calloc(1, sizeof(*r->guest));
	ck_assert_ptr_nonnull(r->guest);
}

static void rig_up(struct rig *r)
{
	rig_config(r);
	t_ok(kvm_guest_init(r->guest, &r->sys, &r->config, NULL));
	t_ok(kvm_guest_start(r->guest, NULL));
}

static void rig_down(struct rig *r)
{
	kvm_guest_done(r->guest);
	free(r->guest);
	for (int i = 0; i < 2; i++) {
		fd_close(r->in[i]);
		fd_close(r->out[i]);
		fd_close(r->bulk[i]);
	}
	fd_close(r->config.node[0].fd);
	fd_close(r->config.kernel_fd);
	fd_close(r->config.devices.disk_fd);
}

/* --- a driver ----------------------------------------------------------------------------------------------------- */

#define QUEUE_AT(window, q) (0x4000000u + (window)*0x100000u + (q)*0x4000u)
#define DATA_AT(window, q)  (QUEUE_AT(window, q) + 0x2000u)
#define ENTRIES		    4u

static uint32_t get(struct rig *r, unsigned window, uint64_t reg)
{
	uint32_t value = 0;
	bus_memory(&r->guest->bus, X86_VIRTIO_MMIO + window * X86_VIRTIO_MMIO_BYTES + reg, false, &value, 4);
	return value;
}

static void put(struct rig *r, unsigned window, uint64_t reg, uint32_t value)
{
	bus_memory(&r->guest->bus, X86_VIRTIO_MMIO + window * X86_VIRTIO_MMIO_BYTES + reg, true, &value, 4);
}

static void *ram(struct rig *r, uint64_t address)
{
	return x86_ram_at(&r->guest->ram, address, 0x1000);
}

static void up(struct rig *r, unsigned window, unsigned queues)
{
	put(r, window, VIRTIO_MMIO_STATUS, 3);
	put(r, window, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	put(r, window, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	put(r, window, VIRTIO_MMIO_STATUS, 11);
	for (unsigned q = 0; q < queues; q++) {
		put(r, window, VIRTIO_MMIO_QUEUE_SEL, q);
		put(r, window, VIRTIO_MMIO_QUEUE_NUM, ENTRIES);
		put(r, window, VIRTIO_MMIO_QUEUE_DESC_LOW, QUEUE_AT(window, q));
		put(r, window, VIRTIO_MMIO_QUEUE_AVAIL_LOW, QUEUE_AT(window, q) + 0x400);
		put(r, window, VIRTIO_MMIO_QUEUE_USED_LOW, QUEUE_AT(window, q) + 0x800);
		put(r, window, VIRTIO_MMIO_QUEUE_READY, 1);
	}
	put(r, window, VIRTIO_MMIO_STATUS, 15);
	ck_assert_uint_eq(get(r, window, VIRTIO_MMIO_STATUS), 15);
}

/* Descriptor @i of the chain: @len bytes @into the queue's data. */
static void describe(struct rig *r, unsigned window, unsigned q, unsigned i, uint32_t into, uint32_t len,
		     uint16_t flags)
{
	((struct vring_desc *)ram(r, QUEUE_AT(window, q)))[i] = (struct vring_desc){
		.addr = DATA_AT(window, q) + into, .len = len, .flags = flags, .next = (uint16_t)(i + 1)
	};
}

static void ring(struct rig *r, unsigned window, unsigned q)
{
	struct vring_avail *avail = ram(r, QUEUE_AT(window, q) + 0x400);
	avail->ring[avail->idx % ENTRIES] = 0;
	__atomic_store_n(&avail->idx, avail->idx + 1, __ATOMIC_SEQ_CST);
	put(r, window, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

/* Waits for the interrupt that reports that @q has returned @count requests. */
static void await(struct rig *r, unsigned window, unsigned q, uint16_t count)
{
	const struct vring_used *used = ram(r, QUEUE_AT(window, q) + 0x800);
	struct pollfd line = { .fd = r->guest->virtio->window[window].irq, .events = POLLIN };
	eventfd_t edges;
	ck_assert_int_eq(poll(&line, 1, 20000), 1);
	ck_assert_int_eq(eventfd_read(line.fd, &edges), 0);
	ck_assert_uint_eq(get(r, window, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	put(r, window, VIRTIO_MMIO_INTERRUPT_ACK, 1);
	ck_assert_uint_eq(used->idx, count);
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

START_TEST(devices_stand_on_the_bus)
{
	struct rig r;
	rig_up(&r);
	for (unsigned window = 0; window < 3; window++)
		ck_assert_uint_eq(get(&r, window, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	ck_assert_uint_eq(get(&r, 0, VIRTIO_MMIO_DEVICE_ID), 3);
	ck_assert_uint_eq(get(&r, 1, VIRTIO_MMIO_DEVICE_ID), 2);
	ck_assert_uint_eq(get(&r, 2, VIRTIO_MMIO_DEVICE_ID), 1);
	ck_assert_uint_eq(get(&r, 3, VIRTIO_MMIO_MAGIC_VALUE), UINT32_MAX);
	ck_assert_uint_eq(r.fake.doorbells, 3);
	ck_assert_uint_eq(r.fake.lines, 7u << X86_VIRTIO_IRQ);
	rig_down(&r);
}
END_TEST

START_TEST(console_speaks_and_listens)
{
	struct rig r;
	char text[32] = "";
	rig_up(&r);
	up(&r, 0, 2);
	memcpy(ram(&r, DATA_AT(0, 1)), "to the host", 11);
	describe(&r, 0, 1, 0, 0, 11, 0);
	ring(&r, 0, 1);
	await(&r, 0, 1, 1);
	ck_assert_int_eq(read(r.out[0], text, sizeof(text)), 11);
	ck_assert_str_eq(text, "to the host");
	/* Input that arrives before the guest offers a buffer waits without a time limit. */
	ck_assert_int_eq(write(r.in[1], "to the guest", 12), 12);
	describe(&r, 0, 0, 0, 0, 64, VRING_DESC_F_WRITE);
	ring(&r, 0, 0);
	await(&r, 0, 0, 1);
	ck_assert_int_eq(memcmp(ram(&r, DATA_AT(0, 0)), "to the guest", 12), 0);
	rig_down(&r);
}
END_TEST

/* A request of one sector: header, data, status. */
static uint8_t request(struct rig *r, uint32_t type, uint64_t sector, uint16_t count)
{
	uint8_t *data = ram(r, DATA_AT(1, 0));
	*(struct virtio_blk_outhdr *)data = (struct virtio_blk_outhdr){ .type = type, .sector = sector };
	data[1024] = 0xff;
	describe(r, 1, 0, 0, 0, sizeof(struct virtio_blk_outhdr), VRING_DESC_F_NEXT);
	describe(r, 1, 0, 1, 512, 512, VRING_DESC_F_NEXT | (type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0));
	describe(r, 1, 0, 2, 1024, 1, VRING_DESC_F_WRITE);
	ring(r, 1, 0);
	await(r, 1, 0, count);
	return data[1024];
}

START_TEST(disk_reads_and_writes)
{
	struct rig r;
	char text[8] = "";
	rig_up(&r);
	up(&r, 1, 1);
	char *data = (char *)ram(&r, DATA_AT(1, 0)) + 512;
	ck_assert_uint_eq(request(&r, VIRTIO_BLK_T_IN, 0, 1), VIRTIO_BLK_S_OK);
	ck_assert_str_eq(data, "the first sector");
	strcpy(data, "written");
	ck_assert_uint_eq(request(&r, VIRTIO_BLK_T_OUT, 1, 2), VIRTIO_BLK_S_OK);
	ck_assert_int_eq(pread(r.config.devices.disk_fd, text, 7, 512), 7);
	ck_assert_str_eq(text, "written");
	ck_assert_uint_eq(request(&r, VIRTIO_BLK_T_OUT, 2, 3), VIRTIO_BLK_S_IOERR);
	rig_down(&r);
}
END_TEST

/* Sends a packet of @len bytes with a header, from the beginning of the send queue's data. */
static void send_packet(struct rig *r, const uint8_t *to, uint32_t len, uint16_t count)
{
	uint8_t *data = ram(r, DATA_AT(2, 1));
	memset(data, 0, 12);
	memcpy(data + 12, to, 6);
	memcpy(data + 12 + 14, "there and back", 15);
	describe(r, 2, 1, 0, 0, 12 + len, 0);
	ring(r, 2, 1);
	await(r, 2, 1, count);
}

START_TEST(network_loops_to_itself)
{
	struct rig r;
	static const uint8_t own[] = VM_NETWORK_ADDRESS(0), other[] = { 2, 0, 0, 0, 0, 9 };
	const uint8_t all[] = { 255, 255, 255, 255, 255, 255 };
	rig_up(&r);
	up(&r, 2, 2);
	const struct vring_used *used = ram(&r, QUEUE_AT(2, 0) + 0x800);
	uint8_t *received = ram(&r, DATA_AT(2, 0));
	send_packet(&r, own, 100, 1); /* nobody has a buffer for it */
	ck_assert_uint_eq(used->idx, 0);
	describe(&r, 2, 0, 0, 0, 2048, VRING_DESC_F_WRITE);
	ring(&r, 2, 0);
	send_packet(&r, other, 100, 2);
	ck_assert_uint_eq(used->idx, 0);
	send_packet(&r, own, 100, 3);
	ck_assert_uint_eq(used->idx, 1);
	ck_assert_uint_eq(used->ring[0].len, 12 + 100);
	ck_assert_int_eq(memcmp(received + 12, own, 6), 0);
	ck_assert_str_eq((char *)received + 12 + 14, "there and back");
	ring(&r, 2, 0);
	send_packet(&r, all, 1514, 4);
	ck_assert_uint_eq(used->idx, 2);
	ck_assert_uint_eq(used->ring[1].len, 12 + 1514);
	send_packet(&r, own, 13, 5); /* less than an Ethernet header */
	ring(&r, 2, 0);
	ck_assert_uint_eq(used->idx, 2);
	ck_assert_uint_eq(r.guest->virtio->network[0].looped, 2);
	ck_assert_uint_eq(r.guest->virtio->network[0].dropped, 3);
	rig_down(&r);
}
END_TEST

/* A misbehaving driver breaks only its device: the thread continues, and ends when it is told to. */
START_TEST(liar_breaks_its_own_device)
{
	struct rig r;
	char text[16] = "";
	rig_up(&r);
	up(&r, 0, 2);
	up(&r, 1, 1);
	describe(&r, 1, 0, 0, 0, 16, VRING_DESC_F_NEXT);
	describe(&r, 1, 0, 1, 0, 16, VRING_DESC_F_NEXT);
	((struct vring_desc *)ram(&r, QUEUE_AT(1, 0)))[1].next = 0;
	ring(&r, 1, 0);
	memcpy(ram(&r, DATA_AT(0, 1)), "still here", 10);
	describe(&r, 0, 1, 0, 0, 10, 0);
	ring(&r, 0, 1);
	await(&r, 0, 1, 1);
	ck_assert_int_eq(read(r.out[0], text, sizeof(text)), 10);
	ck_assert_uint_eq(get(&r, 1, VIRTIO_MMIO_STATUS) & 0x40, 0x40);
	rig_down(&r);
}
END_TEST

START_TEST(failing_calls_leave_nothing)
{
	unsigned calls = UINT32_MAX;
	for (unsigned n = 1; n <= calls; n++) {
		struct rig r;
		struct err *err = NULL;
		rig_config(&r);
		r.fake.fail_at = n;
		int result = kvm_guest_init(r.guest, &r.sys, &r.config, &err);
		ck_assert_int_eq(result < 0, err != NULL);
		err_free(err);
		if (r.fake.calls < n)
			calls = r.fake.calls;
		rig_down(&r);
	}
	ck_assert_uint_gt(calls, 25);
	struct rig r;
	struct err *err = NULL;
	rig_config(&r);
	ck_assert_int_eq(ftruncate(r.config.devices.disk_fd, 100), 0);
	ck_assert_int_lt(kvm_guest_init(r.guest, &r.sys, &r.config, &err), 0);
	t_err_contains(&err, "less than a sector");
	rig_down(&r);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, devices_stand_on_the_bus);
	tcase_add_test(tc, console_speaks_and_listens);
	tcase_add_test(tc, disk_reads_and_writes);
	tcase_add_test(tc, network_loops_to_itself);
	tcase_add_test(tc, liar_breaks_its_own_device);
	tcase_add_test(tc, failing_calls_leave_nothing);
}

int main(void)
{
	return t_main("kvm_virtio", fill);
}
