/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioapic.h -- an I/O APIC outside of KVM: lines in, messages out. Where APIC ids go beyond 254, KVM keeps the local
 * APICs only (KVM_CAP_SPLIT_IRQCHIP) and takes interrupts as messages.
 *
 * Registers: Intel 82093AA data sheet, and the EOI register of its successors (version 0x20, ICH). A redirection entry
 * has 15 bits of destination: bits 63..56, and above them 55..49, as Linux has it where CPUID says
 * KVM_FEATURE_MSI_EXT_DEST_ID. Polarity is not looked at: a line is asserted, or it is not.
 *
 * The state is plain data but for the callback, so a copy of it is a saved device. Whoever calls holds a lock.
 */
#ifndef KTSTR_VMM_DEV_IOAPIC_H
#define KTSTR_VMM_DEV_IOAPIC_H

#include <stdbool.h>
#include <stdint.h>

#define IOAPIC_PINS  24u
#define IOAPIC_BYTES 0x1000u /* of its window */

/* As a write by a device to the local APICs' addresses: Intel SDM vol. 3, 11.11; KVM has id bits 31..8 in 63..40. */
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
	bool changed; /* a message of some pin is another now; the owner tells KVM, and clears it */
};

/* All pins masked. @send gets every message, in the calls below. */
void ioapic_init(struct ioapic *a, ioapic_send_fn *send, void *userdata);
/* @offset in the window; accesses are of 32 bits. Others than to a register read as 0 and write nothing. */
uint32_t ioapic_read(const struct ioapic *a, uint64_t offset);
void ioapic_write(struct ioapic *a, uint64_t offset, uint32_t value);
/* @pin < IOAPIC_PINS. An edge is sent when the line rises, a level as long as it is up and was acknowledged. */
void ioapic_line(struct ioapic *a, unsigned pin, bool asserted);
/* A local APIC's end of interrupt for @vector: what is still asserted comes again. */
void ioapic_eoi(struct ioapic *a, uint8_t vector);
/* What @pin sends; false: nothing, it is masked, or of a kind that a line cannot ask for (SMI, INIT, ExtINT). */
bool ioapic_message(const struct ioapic *a, unsigned pin, struct ioapic_message *ret);

#endif
