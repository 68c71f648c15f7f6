/* SPDX-License-Identifier: GPL-2.0-only */
/* virtio.c -- see virtio.h. */
#include <linux/kvm.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/kvm/guest.h"
#include "vmm/kvm/virtio.h"
#include "vmm/x86/layout.h"

/* --- registers, on a vCPU's thread -------------------------------------------------------------------------------- */

/*
 * A window's interrupt is edge-triggered. Linux acknowledges it first and then reads the queues, so buffers that are
 * added while an interrupt is pending need no second one.
 */
static void raise_interrupt(struct kvm_virtio_window *w, uint32_t before)
{
	if (w->mmio->interrupts & ~before)
		eventfd_write(w->irq, 1);
}

static void read_window(void *device, uint64_t offset, void *data, uint32_t size)
{
	struct kvm_virtio_window *w = device;
	pthread_mutex_lock(&w->owner->lock);
	uint64_t value = virtio_mmio_read(w->mmio, offset, size);
	pthread_mutex_unlock(&w->owner->lock);
	memcpy(data, &value, MIN_OF(size, (uint32_t)sizeof(value)));
}

static void write_window(void *device, uint64_t offset, const void *data, uint32_t size)
{
	struct kvm_virtio_window *w = device;
	uint64_t value = 0;
	/* KVM handles only 32-bit doorbells itself; this is one of another width. */
	if (offset == VIRTIO_MMIO_QUEUE_NOTIFY) {
		eventfd_write(w->doorbell, 1);
		return;
	}
	memcpy(&value, data, MIN_OF(size, (uint32_t)sizeof(value)));
	pthread_mutex_lock(&w->owner->lock);
	uint32_t before = w->mmio->interrupts;
	virtio_mmio_write(w->mmio, offset, size, value);
	raise_interrupt(w, before);
	pthread_mutex_unlock(&w->owner->lock);
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

static void write_output(void *userdata, unsigned port, const void *data, size_t len)
{
	const struct kvm_virtio *v = userdata;
	const struct vm_devices *d = &v->guest->config->devices;
	int fd = port == 0 ? d->console_out : d->bulk_out;
	/* A closed pipe drops the output. */
	if (fd >= 0 && fd_write_full(fd, data, len) < 0)
		return;
}

/* Notifies all queues: KVM does not tell which queue the doorbell was for. */
static void ring_doorbell(struct kvm_virtio_window *w)
{
	eventfd_t count;
	eventfd_read(w->doorbell, &count);
	for (unsigned q = 0; q < w->mmio->ops->queues && virtio_in_use(w->mmio); q++)
		w->mmio->ops->notify(w->mmio, q);
}

static void feed_console(struct kvm_virtio *v)
{
	if (v->input_at < v->input_end)
		v->input_at +=
			virtio_console_receive(&v->console, 0, v->input + v->input_at, v->input_end - v->input_at);
}

static void serve_devices(struct kvm_virtio *v, const struct pollfd *doorbells)
{
	uint32_t before[KVM_VIRTIO_WINDOWS_MAX];
	pthread_mutex_lock(&v->lock);
	for (unsigned i = 0; i < v->windows; i++) {
		before[i] = v->window[i].mmio->interrupts;
		if (doorbells[i].revents & POLLIN)
			ring_doorbell(&v->window[i]);
	}
	if (v->guest->config->devices.console)
		feed_console(v);
	v->again = v->guest->config->devices.disk ? virtio_blk_run(&v->disk, nsec_now()) : 0;
	for (unsigned i = 0; i < v->windows; i++)
		raise_interrupt(&v->window[i], before[i]);
	pthread_mutex_unlock(&v->lock);
}

static void read_input(struct kvm_virtio *v)
{
	ssize_t n = read(v->guest->config->devices.console_in, v->input, sizeof(v->input));
	v->input_at = 0;
	v->input_end = n > 0 ? (size_t)n : 0;
	v->input_over = n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
}

static bool wants_input(const struct kvm_virtio *v)
{
	const struct vm_devices *d = &v->guest->config->devices;
	return d->console && d->console_in >= 0 && !v->input_over && v->input_at == v->input_end;
}

static int wait_ms(const struct kvm_virtio *v)
{
	nsec_t left = v->again ? v->again - nsec_now() : 0;
	if (!v->again)
		return -1;
	return left > 0 ? (int)(left / NSEC_PER_MSEC) + 1 : 0;
}

/* Waits for the stop descriptor, the doorbells, and the console's input where it is wanted. False: stop. */
static bool serve_once(struct kvm_virtio *v)
{
	struct pollfd fds[KVM_VIRTIO_WINDOWS_MAX + 2] = { { .fd = v->stop_fd, .events = POLLIN } };
	for (unsigned i = 0; i < v->windows; i++)
		fds[1 + i] = (struct pollfd){ .fd = v->window[i].doorbell, .events = POLLIN };
	struct pollfd *input = &fds[1 + v->windows];
	*input = (struct pollfd){ .fd = wants_input(v) ? v->guest->config->devices.console_in : -1, .events = POLLIN };
	if (poll(fds, 2 + v->windows, wait_ms(v)) < 0)
		return errno == EINTR;
	if (fds[0].revents)
		return false;
	if (input->revents)
		read_input(v);
	serve_devices(v, fds + 1);
	return true;
}

static void *virtio_main(void *arg)
{
	struct kvm_virtio *v = arg;
	struct kvm_guest *g = v->guest;
	struct err *err = NULL;
	prctl(PR_SET_NAME, "devices");
	if (g->config->confined && confine_apply(&g->confine[CONFINE_DEVICE], &err) < 0) {
		lifecycle_end(&g->life, KVM_GUEST_FAILED, 0, err);
		return NULL;
	}
	while (serve_once(v))
		;
	return NULL;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

unsigned kvm_virtio_windows(const struct vm_devices *d)
{
	return (unsigned)d->console + d->disk + d->networks;
}

static int connect_window(struct kvm_virtio *v, unsigned i, struct err **err)
{
	const struct kvm_guest *g = v->guest;
	struct kvm_virtio_window *w = &v->window[i];
	uint64_t base = X86_VIRTIO_MMIO + i * X86_VIRTIO_MMIO_BYTES;
	const struct bus_range range = { base, X86_VIRTIO_MMIO_BYTES, read_window, write_window, w };
	struct kvm_ioeventfd doorbell = { .addr = base + VIRTIO_MMIO_QUEUE_NOTIFY, .len = 4, .fd = w->doorbell };
	struct kvm_irqfd line = { .fd = (uint32_t)w->irq, .gsi = X86_VIRTIO_IRQ + i };
	if (w->doorbell < 0 || w->irq < 0)
		return FAIL_SYS(err, -EMFILE, "make a virtio device's eventfds");
	if (bus_add_memory(&v->guest->bus, &range) < 0)
		return FAIL(err, ERR_BUG, -ENOSPC, "no room on the guest's bus");
	int r = sys_ioctl(g->sys, g->vm, KVM_IOEVENTFD, &doorbell);
	if (r == 0)
		r = sys_ioctl(g->sys, g->vm, KVM_IRQFD, &line);
	return r < 0 ? FAIL_SYS(err, r, "connect a virtio device") : 0;
}

static void add_window(struct kvm_virtio *v, struct virtio_mmio *mmio)
{
	v->window[v->windows++] = (struct kvm_virtio_window){ .owner = v,
							      .mmio = mmio,
							      .doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
							      .irq = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
}

static int add_devices(struct kvm_virtio *v, struct kvm_guest *g, struct err **err)
{
	static const char *const names[] = { VM_BULK_PORT };
	const struct vm_devices *d = &g->config->devices;
	const struct virtio_blk_limits limits = { .bytes_per_s = d->disk_bytes_per_s,
						  .requests_per_s = d->disk_requests_per_s };
	int r = 0;
	if (d->console) {
		virtio_console_init(&v->console, 1 + ARRAY_SIZE(names), names, write_output, v, &g->ram);
		add_window(v, &v->console.mmio);
	}
	if (d->disk) {
		r = virtio_blk_init(&v->disk, d->disk_fd, d->disk_read_only, &limits, &g->ram, err);
		if (r < 0)
			return r;
		add_window(v, &v->disk.mmio);
	}
	for (unsigned i = 0; i < d->networks; i++) {
		const uint8_t address[] = VM_NETWORK_ADDRESS(i);
		virtio_net_init(&v->network[i], address, &g->ram);
		add_window(v, &v->network[i].mmio);
	}
	for (unsigned i = 0; i < v->windows && r == 0; i++)
		r = connect_window(v, i, err);
	return r;
}

int kvm_virtio_new(struct kvm_guest *g, struct kvm_virtio **ret, struct err **err)
{
	*ret = NULL;
	if (!kvm_virtio_windows(&g->config->devices))
		return 0;
	struct kvm_virtio *v = calloc(1, sizeof(*v));
	if (!v)
		return FAIL_SYS(err, -ENOMEM, "make the virtio devices");
	v->guest = g;
	v->stop_fd = -1;
	pthread_mutex_init(&v->lock, NULL);
	*ret = v;
	return add_devices(v, g, err);
}

int kvm_virtio_start(struct kvm_virtio *v, struct err **err)
{
	sigset_t all, before;
	if (!v)
		return 0;
	v->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (v->stop_fd < 0)
		return FAIL_SYS(err, -errno, "make the device thread's eventfd");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&v->thread, NULL, virtio_main, v);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return FAIL_SYS(err, -r, "start the device thread");
	v->started = true;
	return 0;
}

void kvm_virtio_stop(struct kvm_virtio *v)
{
	if (!v || !v->started)
		return;
	eventfd_write(v->stop_fd, 1);
	pthread_join(v->thread, NULL);
	v->started = false;
}

void kvm_virtio_free(struct kvm_virtio *v)
{
	if (!v)
		return;
	kvm_virtio_stop(v);
	for (unsigned i = 0; i < v->windows; i++) {
		fd_close(v->window[i].doorbell);
		fd_close(v->window[i].irq);
	}
	fd_close(v->stop_fd);
	pthread_mutex_destroy(&v->lock);
	free(v);
}
