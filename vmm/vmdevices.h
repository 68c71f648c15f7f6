/* SPDX-License-Identifier: GPL-2.0-only */
/* vmdevices.h -- a machine's optional devices: a virtio console with a second port, a disk, and networks. */
#ifndef KTSTR_VMM_VMDEVICES_H
#define KTSTR_VMM_VMDEVICES_H

#include <stdbool.h>
#include <stdint.h>

#define VM_NETWORKS_MAX 4
/* The networks' addresses: local ones, told apart by the last byte. */
#define VM_NETWORK_ADDRESS(i)                              \
	{                                                  \
		0x52, 0x54, 0x00, 0x6b, 0x74, (uint8_t)(i) \
	}
#define VM_BULK_PORT "ktstr.bulk" /* name of the second port: /dev/vport0p1 in the guest */

/* Descriptors are borrowed. Zeros: no devices. */
struct vm_devices {
	bool console; /* hvc0, and VM_BULK_PORT */
	bool disk;    /* vda */
	bool disk_read_only;
	int console_in, console_out; /* of hvc0; console_in may be -1. A full pipe stops the guest's output */
	int bulk_out;		     /* of VM_BULK_PORT, output only; -1: the output is dropped */
	int disk_fd;		     /* a file; its size is a multiple of 512 bytes */
	unsigned networks;	     /* at most VM_NETWORKS_MAX; each sends what it gets back to itself */
	bool pci;		     /* a PCI bus is asked for */
	uint64_t disk_bytes_per_s, disk_requests_per_s; /* 0: no limit */
};

#endif
