/* SPDX-License-Identifier: GPL-2.0-only */
/* devices.c -- see devices.h. */
#include <linux/futex.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/time.h"
#include "vmm/dev/rtc.h"
#include "vmm/kvm/devices.h"
#include "vmm/kvm/guest.h"
#include "vmm/mark.h"
#include "vmm/x86/layout.h"

#define MARK_NAP_NS 200000

/* --- ports that end or park the guest, or let it wait ------------------------------------------------------------- */

static void write_exit(void *device, uint64_t offset, const void *data, uint32_t size)
{
	struct devices *d = device;
	uint32_t code = 0;
	if (offset)
		return;
	memcpy(&code, data, MIN_OF(size, (uint32_t)sizeof(code)));
	lifecycle_end(&d->guest->life, KVM_GUEST_EXITED, code, NULL);
}

static void write_park(void *device, uint64_t offset, const void *data, uint32_t size)
{
	struct devices *d = device;
	(void)offset;
	(void)data;
	(void)size;
	lifecycle_park(&d->guest->life);
}

/* On a vCPU's thread. A futex is a sleep that the system call filter allows; nobody wakes it. */
static void wait_until_seen(struct kvm_guest *g, uint64_t number)
{
	static const uint32_t nothing = 0;
	const struct timespec nap = { .tv_nsec = MARK_NAP_NS };
	while (__atomic_load_n(&g->mark->seen, __ATOMIC_ACQUIRE) < number &&
	       atomic_load(&g->life.command) == KVM_COMMAND_RUN)
		syscall(SYS_futex, &nothing, FUTEX_WAIT_PRIVATE, 0, &nap, NULL, 0);
}

static void write_mark(void *device, uint64_t offset, const void *data, uint32_t size)
{
	struct devices *d = device;
	struct vm_mark *mark = d->guest->mark;
	uint32_t word = 0;
	uint64_t number = 0;
	memcpy(&word, data, MIN_OF(size, (uint32_t)sizeof(word)));
	if (!mark)
		return;
	if (offset == WIRE_MARK_PORT_KIND) /* the one before may belong to another vCPU, which still waits */
		wait_until_seen(d->guest, __atomic_load_n(&mark->number, __ATOMIC_ACQUIRE));
	pthread_mutex_lock(&d->lock);
	d->mark_words = offset == WIRE_MARK_PORT_BEGIN ? 0 : d->mark_words;
	if (offset == WIRE_MARK_PORT_WORD && d->mark_words < WIRE_MARK_WORDS)
		d->mark[d->mark_words++] = word;
	bool whole = offset == WIRE_MARK_PORT_KIND && d->mark_words == WIRE_MARK_WORDS && word < WIRE_MARK_KIND_MAX &&
		     d->guest->config->marks & 1u << word;
	if (whole) {
		memcpy(mark->word, d->mark, sizeof(mark->word));
		mark->kind = word;
		number = mark->number + 1;
		__atomic_store_n(&mark->number, number, __ATOMIC_RELEASE);
	}
	if (offset == WIRE_MARK_PORT_KIND)
		d->mark_words = 0;
	pthread_mutex_unlock(&d->lock);
	if (whole)
		wait_until_seen(d->guest, number);
}

/*
 * For devices that do not exist but must not read as all ones. A kernel without kvm-clock that calibrates its time
 * stamp counter takes all ones for the timer's start, and reads a hundred thousand times until the value changes
 * (quick_pit_calibrate()).
 */
static void read_zeros(void *device, uint64_t offset, void *data, uint32_t size)
{
	(void)device;
	(void)offset;
	memset(data, 0, size);
}

/* There is no keyboard controller, except for the command that pulses the processor's reset line. */

static void write_keyboard(void *device, uint64_t offset, const void *data, uint32_t size)
{
	struct devices *d = device;
	(void)offset;
	(void)size;
	if (*(const uint8_t *)data == X86_RESET_VALUE)
		lifecycle_end(&d->guest->life, KVM_GUEST_RESET, 0, NULL);
}

static void read_power(void *device, uint64_t offset, void *data, uint32_t size)
{
	struct devices *d = device;
	pthread_mutex_lock(&d->lock);
	uint32_t value = pm_read(&d->pm, (unsigned)offset, size);
	pthread_mutex_unlock(&d->lock);
	memcpy(data, &value, MIN_OF(size, (uint32_t)sizeof(value)));
}

static void write_power(void *device, uint64_t offset, const void *data, uint32_t size)
{
	struct devices *d = device;
	uint32_t value = 0;
	memcpy(&value, data, MIN_OF(size, (uint32_t)sizeof(value)));
	pthread_mutex_lock(&d->lock);
	bool off = pm_write(&d->pm, (unsigned)offset, size, value);
	pthread_mutex_unlock(&d->lock);
	if (off)
		lifecycle_end(&d->guest->life, KVM_GUEST_EXITED, 0, NULL);
}

/* --- the date ----------------------------------------------------------------------------------------------------- */

static void write_rtc(void *device, uint64_t offset, const void *data, uint32_t size)
{
	struct devices *d = device;
	(void)size;
	if (offset == 0)
		__atomic_store_n(&d->rtc_index, *(const uint8_t *)data, __ATOMIC_RELAXED);
}

static void read_rtc(void *device, uint64_t offset, void *data, uint32_t size)
{
	struct devices *d = device;
	memset(data, 0xff, size);
	if (offset == 1)
		*(uint8_t *)data = rtc_read(__atomic_load_n(&d->rtc_index, __ATOMIC_RELAXED),
					    (time_t)(nsec_clock(CLOCK_REALTIME) / NSEC_PER_SEC));
}

/* --- the I/O APIC, where KVM has none ----------------------------------------------------------------------------- */

static void send_message(void *userdata, const struct ioapic_message *m)
{
	struct devices *d = userdata;
	struct kvm_msi msi = { .address_lo = (uint32_t)m->address,
			       .address_hi = (uint32_t)(m->address >> 32),
			       .data = m->data };
	sys_ioctl(d->guest->sys, d->guest->vm, KVM_SIGNAL_MSI, &msi);
}

/* KVM reports the end of level-triggered interrupts by these routes, and delivers irqfds through them. */
static void set_routes(struct devices *d)
{
	union {
		struct kvm_irq_routing head;
		uint8_t room[sizeof(struct kvm_irq_routing) + IOAPIC_PINS * sizeof(struct kvm_irq_routing_entry)];
	} routes = { 0 };
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		struct ioapic_message m;
		if (!ioapic_message(&d->ioapic, pin, &m))
			continue;
		routes.head.entries[routes.head.nr++] = (struct kvm_irq_routing_entry){
			.gsi = pin,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = (uint32_t)m.address,
				   .address_hi = (uint32_t)(m.address >> 32),
				   .data = m.data },
		};
	}
	sys_ioctl(d->guest->sys, d->guest->vm, KVM_SET_GSI_ROUTING, &routes);
	d->ioapic.changed = false;
}

static void read_ioapic(void *device, uint64_t offset, void *data, uint32_t size)
{
	struct devices *d = device;
	memset(data, 0, size);
	pthread_mutex_lock(&d->lock);
	uint32_t value = ioapic_read(&d->ioapic, offset);
	pthread_mutex_unlock(&d->lock);
	memcpy(data, &value, MIN_OF(size, (uint32_t)sizeof(value)));
}

static void write_ioapic(void *device, uint64_t offset, const void *data, uint32_t size)
{
	struct devices *d = device;
	uint32_t value = 0;
	memcpy(&value, data, MIN_OF(size, (uint32_t)sizeof(value)));
	pthread_mutex_lock(&d->lock);
	ioapic_write(&d->ioapic, offset, value);
	if (d->ioapic.changed)
		set_routes(d);
	pthread_mutex_unlock(&d->lock);
}

void devices_eoi(struct devices *d, uint8_t vector)
{
	pthread_mutex_lock(&d->lock);
	ioapic_eoi(&d->ioapic, vector);
	pthread_mutex_unlock(&d->lock);
}

/* --- the serial console ------------------------------------------------------------------------------------------- */

static void flush_line(struct devices *d)
{
	/* A full disk only cuts the console's file short; the guest goes on. */
	if (d->len && d->console_fd >= 0 && fd_write_full(d->console_fd, d->line, d->len) < 0)
		d->console_fd = -1;
	__atomic_fetch_add(&d->written, d->len, __ATOMIC_RELAXED);
	d->len = 0;
}

uint64_t devices_console_bytes(const struct devices *d)
{
	return __atomic_load_n(&d->written, __ATOMIC_RELAXED);
}

void devices_flush(struct devices *d)
{
	pthread_mutex_lock(&d->lock);
	flush_line(d);
	pthread_mutex_unlock(&d->lock);
}

static void append_byte(void *userdata, uint8_t byte)
{
	struct devices *d = userdata;
	d->line[d->len++] = (char)byte;
	if (d->len == CONSOLE_LINE_MAX || byte == '\n')
		flush_line(d);
}

/* The line is level-triggered in effect, so KVM is told of changes only. */
static void set_irq(struct devices *d)
{
	struct kvm_irq_level level = { .irq = X86_COM1_IRQ, .level = serial_irq(&d->serial) };
	if (level.level == d->irq_level)
		return;
	d->irq_level = level.level;
	if (d->guest->split)
		ioapic_line(&d->ioapic, X86_COM1_IRQ, level.level);
	else
		sys_ioctl(d->guest->sys, d->guest->vm, KVM_IRQ_LINE, &level);
}

static void write_serial(void *device, uint64_t offset, const void *data, uint32_t size)
{
	struct devices *d = device;
	(void)size;
	pthread_mutex_lock(&d->lock);
	serial_write(&d->serial, (unsigned)offset, *(const uint8_t *)data);
	set_irq(d);
	pthread_mutex_unlock(&d->lock);
}

static void read_serial(void *device, uint64_t offset, void *data, uint32_t size)
{
	struct devices *d = device;
	memset(data, 0xff, size);
	pthread_mutex_lock(&d->lock);
	*(uint8_t *)data = serial_read(&d->serial, (unsigned)offset);
	set_irq(d);
	pthread_mutex_unlock(&d->lock);
}

int devices_init(struct devices *d, struct kvm_guest *g, struct err **err)
{
	const struct bus_range ranges[] = {
		{ X86_PORT_EXIT, 4, NULL, write_exit, d },
		{ X86_PORT_MARK, X86_MARK_PORTS, NULL, write_mark, d },
		{ X86_PORT_PIT, X86_PIT_PORTS, read_zeros, NULL, d },
		{ X86_PORT_RTC, X86_RTC_PORTS, read_rtc, write_rtc, d },
		{ X86_PORT_KBD_DATA, 1, read_zeros, NULL, d },
		{ X86_PORT_KBD_COMMAND, 1, read_zeros, write_keyboard, d },
		{ X86_PORT_PM, X86_PM_PORTS, read_power, write_power, d },
		{ X86_PORT_COM1, X86_COM_PORTS, read_serial, write_serial, d },
	};
	const struct bus_range ioapic = { X86_IOAPIC, IOAPIC_BYTES, read_ioapic, write_ioapic, d };
	_Static_assert(IOAPIC_PINS == X86_IOAPIC_PINS, "layout.h");
	*d = (struct devices){ .guest = g, .console_fd = g->config->console_fd };
	pthread_mutex_init(&d->lock, NULL);
	serial_init(&d->serial, append_byte, d);
	ioapic_init(&d->ioapic, send_message, d);
	const struct bus_range park = { X86_PORT_PARK, 1, NULL, write_park, d };
	int r = g->config->park ? bus_add_port(&g->bus, &park) : 0;
	if (r >= 0 && g->split)
		r = bus_add_memory(&g->bus, &ioapic);
	for (size_t i = 0; i < ARRAY_SIZE(ranges) && r >= 0; i++)
		r = bus_add_port(&g->bus, &ranges[i]);
	return r < 0 ? FAIL(err, ERR_BUG, -ENOSPC, "no room on the guest's bus") : 0;
}

void devices_done(struct devices *d)
{
	if (!d->guest)
		return;
	flush_line(d);
	pthread_mutex_destroy(&d->lock);
	*d = (struct devices){ .console_fd = -1 };
}
