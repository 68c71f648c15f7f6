/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devices.h -- the devices on a guest's bus: the exit, park and mark ports, the ports that reset or power off, the
 * date, the serial console, and the I/O APIC where KVM does not have it (kvm_guest.split).
 */
#ifndef KTSTR_VMM_KVM_DEVICES_H
#define KTSTR_VMM_KVM_DEVICES_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <ktstr/wire.h>

#include "base/err.h"
#include "vmm/dev/ioapic.h"
#include "vmm/dev/pm.h"
#include "vmm/dev/serial.h"

struct kvm_guest;

#define CONSOLE_LINE_MAX 512

struct devices {
	struct kvm_guest *guest;
	pthread_mutex_t lock; /* protects all that follows */
	struct serial serial;
	struct pm pm;
	struct ioapic ioapic;		/* split only */
	uint8_t rtc_index;		/* not saved: an index is written right before each access */
	unsigned irq_level;		/* as last told to KVM */
	uint32_t mark[WIRE_MARK_WORDS]; /* the words of a mark that is being written */
	unsigned mark_words;
	char line[CONSOLE_LINE_MAX]; /* output that is not written out yet */
	size_t len;
	uint64_t written; /* bytes that were written out */
	int console_fd;
};

int devices_init(struct devices *d, struct kvm_guest *g, struct err **err);
/* A local APIC has acknowledged a level-triggered interrupt (KVM_EXIT_IOAPIC_EOI). On a vCPU's thread. */
void devices_eoi(struct devices *d, uint8_t vector);
/* Returns how many bytes the console has written out. On any thread. */
uint64_t devices_console_bytes(const struct devices *d);
/* Writes out the console's unfinished line. */
void devices_flush(struct devices *d);
void devices_done(struct devices *d);

#endif
