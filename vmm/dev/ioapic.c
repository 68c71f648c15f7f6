/* SPDX-License-Identifier: GPL-2.0-only */
/* ioapic.c -- see ioapic.h. */
#include <stddef.h>

#include "vmm/dev/ioapic.h"

#define WINDOW_SELECT 0x00u
#define WINDOW_DATA   0x10u
#define WINDOW_EOI    0x40u

#define REG_ID		0x00u
#define REG_VERSION	0x01u
#define REG_ARBITRATION 0x02u
#define REG_ENTRIES	0x10u /* two registers a pin */

#define VERSION (0x20u | (IOAPIC_PINS - 1) << 16)
#define ID_MASK 0x0f000000u

/* Redirection entry. */
#define RTE_VECTOR     0xffull
#define RTE_MODE_SHIFT 8
#define RTE_MODE_MASK  7u
#define RTE_LOGICAL    (1ull << 11)
#define RTE_REMOTE_IRR (1ull << 14)
#define RTE_LEVEL      (1ull << 15)
#define RTE_MASKED     (1ull << 16)
#define RTE_WRITABLE   0xfffe00000001afffull /* all but delivery status, remote IRR and reserved bits */

#define MODE_FIXED  0u
#define MODE_LOWEST 1u
#define MODE_NMI    4u

#define MESSAGE_BASE	0xfee00000u
#define MESSAGE_LOGICAL (1u << 2)
#define MESSAGE_ASSERT	(1u << 14)
#define MESSAGE_LEVEL	(1u << 15)

void ioapic_init(struct ioapic *a, ioapic_send_fn *send_pin, void *userdata)
{
	*a = (struct ioapic){ .send = send_pin, .userdata = userdata };
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		a->entry[pin] = RTE_MASKED;
}

bool ioapic_message(const struct ioapic *a, unsigned pin, struct ioapic_message *ret)
{
	uint64_t e = a->entry[pin];
	unsigned mode = (unsigned)(e >> RTE_MODE_SHIFT) & RTE_MODE_MASK;
	/* Other kinds are for other chips, or would make KVM log what the guest does to itself. */
	if ((e & RTE_MASKED) || (mode != MODE_FIXED && mode != MODE_LOWEST && mode != MODE_NMI))
		return false;
	uint64_t low = e >> 56, high = e >> 49 & 0x7f;
	*ret = (struct ioapic_message){
		.address = high << 40 | MESSAGE_BASE | low << 12 | (e & RTE_LOGICAL ? MESSAGE_LOGICAL : 0),
		.data = (uint32_t)(e & RTE_VECTOR) | mode << 8 | MESSAGE_ASSERT | (e & RTE_LEVEL ? MESSAGE_LEVEL : 0),
	};
	return true;
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

static void send_pin(struct ioapic *a, unsigned pin)
{
	struct ioapic_message m;
	if (!ioapic_message(a, pin, &m))
		return;
	if (a->entry[pin] & RTE_LEVEL)
		a->entry[pin] |= RTE_REMOTE_IRR;
	a->send(a->userdata, &m);
}

/* Sends a level that is up and not being handled. */
static void send_level(struct ioapic *a, unsigned pin)
{
	if ((a->entry[pin] & RTE_LEVEL) && !(a->entry[pin] & RTE_REMOTE_IRR) && (a->lines >> pin & 1))
		send_pin(a, pin);
}

void ioapic_line(struct ioapic *a, unsigned pin, bool asserted)
{
	bool rises = asserted && !(a->lines >> pin & 1);
	a->lines = (a->lines & ~(1u << pin)) | (uint32_t)asserted << pin;
	if (a->entry[pin] & RTE_LEVEL)
		send_level(a, pin);
	else if (rises)
		send_pin(a, pin);
}

void ioapic_eoi(struct ioapic *a, uint8_t vector)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		if (!(a->entry[pin] & RTE_REMOTE_IRR) || (a->entry[pin] & RTE_VECTOR) != vector)
			continue;
		a->entry[pin] &= ~RTE_REMOTE_IRR;
		send_level(a, pin);
	}
}

/* --- registers ---------------------------------------------------------------------------------------------------- */

static uint32_t read_register(const struct ioapic *a)
{
	unsigned pin = (a->select - REG_ENTRIES) / 2;
	if (a->select == REG_ID || a->select == REG_ARBITRATION)
		return a->id;
	if (a->select == REG_VERSION)
		return VERSION;
	if (a->select < REG_ENTRIES || pin >= IOAPIC_PINS)
		return 0;
	return (uint32_t)(a->select & 1 ? a->entry[pin] >> 32 : a->entry[pin]);
}

static bool same_message(const struct ioapic *a, const struct ioapic *b, unsigned pin)
{
	struct ioapic_message m, n;
	bool sends = ioapic_message(a, pin, &m);
	return sends == ioapic_message(b, pin, &n) && (!sends || (m.address == n.address && m.data == n.data));
}

/* An edge has no remote IRR: Linux clears a stuck one by switching to edge and back. */
static void write_entry(struct ioapic *a, unsigned pin, bool upper, uint32_t value)
{
	const struct ioapic was = *a;
	uint64_t before = a->entry[pin];
	uint64_t e = upper ? (before & 0xffffffffu) | (uint64_t)value << 32 : (before & ~0xffffffffull) | value;
	e = (e & RTE_WRITABLE) | (before & RTE_REMOTE_IRR);
	if (!(e & RTE_LEVEL))
		e &= ~RTE_REMOTE_IRR;
	a->entry[pin] = e;
	a->changed |= !same_message(a, &was, pin);
	send_level(a, pin);
}

static void write_register(struct ioapic *a, uint32_t value)
{
	unsigned pin = (a->select - REG_ENTRIES) / 2;
	if (a->select == REG_ID)
		a->id = value & ID_MASK;
	else if (a->select >= REG_ENTRIES && pin < IOAPIC_PINS)
		write_entry(a, pin, a->select & 1, value);
}

uint32_t ioapic_read(const struct ioapic *a, uint64_t offset)
{
	if (offset == WINDOW_SELECT)
		return a->select;
	return offset == WINDOW_DATA ? read_register(a) : 0;
}

void ioapic_write(struct ioapic *a, uint64_t offset, uint32_t value)
{
	if (offset == WINDOW_SELECT)
		a->select = (uint8_t)value;
	else if (offset == WINDOW_DATA)
		write_register(a, value);
	else if (offset == WINDOW_EOI)
		ioapic_eoi(a, (uint8_t)value);
}
