/* SPDX-License-Identifier: GPL-2.0-only */
/* The I/O APIC of split interrupt controllers: 6 bytes per call; after each call, all pins are checked. */
#include "fuzz.h"
#include "vmm/dev/ioapic.h"

#define RTE_REMOTE_IRR (1ull << 14)
#define RTE_LEVEL      (1ull << 15)
#define RTE_READ       0xfffe00000001efffull

static uint32_t sent;

/* Messages go only to the local APICs, and have only the delivery modes that a line may have. */
static void on_message(void *userdata, const struct ioapic_message *m)
{
	unsigned mode = m->data >> 8 & 7;
	(void)userdata;
	if ((m->address & 0xffff80fffff00ffbull) != 0xfee00000u || (m->data & ~0xc7ffu) ||
	    (mode != 0 && mode != 1 && mode != 4))
		abort();
	sent++;
}

static void check(const struct ioapic *a)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t e = a->entry[pin];
		struct ioapic_message m;
		if ((e & ~RTE_READ) || ((e & RTE_REMOTE_IRR) && !(e & RTE_LEVEL)))
			abort();
		/* A pin whose level is high, not masked and not in service would have sent its interrupt already. */
		if ((e & RTE_LEVEL) && !(e & RTE_REMOTE_IRR) && (a->lines >> pin & 1) && ioapic_message(a, pin, &m))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ioapic a;
	ioapic_init(&a, on_message, NULL);
	for (; size >= 6; data += 6, size -= 6) {
		uint32_t value;
		uint32_t before = sent;
		memcpy(&value, data + 2, sizeof(value));
		switch (data[0] & 3) {
		case 0:
			ioapic_write(&a, data[1] & 0x70, value);
			break;
		case 1:
			ioapic_line(&a, data[1] % IOAPIC_PINS, value & 1);
			break;
		case 2:
			ioapic_eoi(&a, data[1]);
			break;
		default:
			ioapic_read(&a, data[1] & 0x70);
			break;
		}
		/*
		 * One acknowledgement may send messages for several pins; nothing sends more than one message per pin.
		 */
		if (sent - before > IOAPIC_PINS)
			abort();
		check(&a);
	}
	return 0;
}
