/* SPDX-License-Identifier: GPL-2.0-only */
/* devices.h -- what stands on a guest's bus: the exit port, the ways to reset, the serial console. */
#ifndef KTSTR_VMM_KVM_DEVICES_H
#define KTSTR_VMM_KVM_DEVICES_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/dev/pm.h"
#include "vmm/dev/serial.h"

struct kvm_guest;

#define CONSOLE_LINE_MAX 512

struct devices {
	struct kvm_guest *guest;
	pthread_mutex_t lock;		/* of the console */
	struct serial serial;
	struct pm pm;
	unsigned irq_level;		/* as KVM last heard */
	char line[CONSOLE_LINE_MAX];	/* not written out yet */
	size_t len;
	int console_fd;
};

int devices_init(struct devices *d, struct kvm_guest *g, struct err **err);
/* Writes out what the console holds back. */
void devices_flush(struct devices *d);
void devices_done(struct devices *d);

#endif
