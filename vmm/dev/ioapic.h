/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioapic.h -- an I/O APIC outside of KVM: it turns lines into messages. Where APIC ids exceed 254, KVM has only the
 * local APICs (KVM_CAP_SPLIT_IRQCHIP) and takes interrupts as messages.
 *
 * Registers: Intel 82093AA data sheet, and the EOI register of its successors (version 0x20, ICH). A redirection entry
 * has 15 bits of destination: bits 63..56, and above them 55..49, as Linux uses them where CPUID has
 * KVM_FEATURE_MSI_EXT_DEST_ID. Polarity is ignored: a line is asserted or not.
 *
 * The state is plain data except for the callback, so a copy of it is a saved device. The caller holds a lock.
 */
#ifndef KTSTR_VMM_DEV_IOAPIC_H
#define KTSTR_VMM_DEV_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#define IOAPIC_PINS  24u
#define IOAPIC_BYTES 0x1000u /* of its window */

/* A device's write to the local APICs' addresses: Intel SDM vol. 3, 11.11. KVM has id bits 31..8 in bits 63..40. */
struct ioapic_message {
	uint64_t address;
	uint32_t data;
};

typedef void ioapic_send_fn(void *userdata, const struct ioapic_message *m);

struct ioapic {
	ioapic_send_fn *send;
	void *userdata;
	uint64_t entry[IOAPIC_PINS]; /* redirection entries, as they read */
	uint32_t lines;		     /* asserted pins */
	uint32_t id;		     /* as it reads */
	uint8_t select;
	bool changed; /* a pin's message has changed; the owner tells KVM, and clears it */
};

/* Masks all pins. The functions below call @send for every message. */
void ioapic_init(struct ioapic *a, ioapic_send_fn *send, void *userdata);
/* @offset in the window; accesses are of 32 bits. Outside of registers, reads return 0 and writes are ignored. */
uint32_t ioapic_read(const struct ioapic *a, uint64_t offset);
void ioapic_write(struct ioapic *a, uint64_t offset, uint32_t value);
/*
 * @pin < IOAPIC_PINS. An edge is sent when the line rises; a level while the line is up and the last one is
 * acknowledged.
 */
void ioapic_line(struct ioapic *a, unsigned pin, bool asserted);
/* A local APIC's end of interrupt for @vector: levels that are still asserted are sent again. */
void ioapic_eoi(struct ioapic *a, uint8_t vector);
/*
 * Returns the message of @pin. False: none, because the pin is masked or its kind cannot come from a line (SMI, INIT,
 * ExtINT).
 */
bool ioapic_message(const struct ioapic *a, unsigned pin, struct ioapic_message *ret);

#endif
