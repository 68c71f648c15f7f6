/* SPDX-License-Identifier: GPL-2.0-only */
/* vmdevices.h -- what a machine may have beside its serial console: a virtio console with another port, a disk. */
#ifndef KTSTR_VMM_VMDEVICES_H
#define KTSTR_VMM_VMDEVICES_H

#include <stdbool.h>
#include <stdint.h>

#define VM_BULK_PORT "ktstr.bulk" /* the name of the further port: /dev/vport0p1 in the guest */

/* Descriptors are borrowed. Zeros: nothing of it. */
struct vm_devices {
	bool console; /* hvc0, and VM_BULK_PORT */
	bool disk;    /* vda */
	bool disk_read_only;
	int console_in, console_out; /* of hvc0; console_in may be -1. A full pipe holds the guest back */
	int bulk_out;		     /* of VM_BULK_PORT, from the guest only; -1: what it says is dropped */
	int disk_fd;		     /* a file of whole sectors of 512 bytes */
	uint64_t disk_bytes_per_s, disk_requests_per_s; /* 0: as fast as it goes */
};

#endif
