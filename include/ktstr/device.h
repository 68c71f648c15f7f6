/* SPDX-License-Identifier: GPL-2.0-only */
/* device.h -- devices of a test's machine: a disk, networks, a PCI bus. See docs/DEVICES.md. */
#ifndef KTSTR_DEVICE_H
#define KTSTR_DEVICE_H

#pragma GCC system_header /* see language.h */

#include <ktstr/language.h>

#include <stdbool.h>
#include <stdint.h>

KTSTR_BEGIN_C

#define KTSTR_NETWORKS_MAX 4

/* A virtio disk, /dev/vda, full of zeros. What is written to it is lost at the end of the test. */
struct ktstr_disk {
	uint64_t bytes;	   /* its size: a multiple of 4096, 1 MiB to 1 TiB; "ext4" needs 8 MiB */
	const char *fs;	   /* NULL: no file system; "ext4" */
	const char *mount; /* where it is mounted, such as "/data"; needs `fs`; NULL: it is not mounted */
	bool ro;	   /* the guest can only read it */
};

/*
 * A virtio network device that is connected to itself: a packet that is sent to its own address, or to all, comes back
 * through the receive queue. Nothing else is connected to it.
 */
struct ktstr_net {
	const char *name; /* of the interface in the guest: 1 to 15 letters, digits, or _ - */
};

/* A list of networks, at most KTSTR_NETWORKS_MAX: KTSTR_NETWORKS({ "front" }, { "back" }) */
#define KTSTR_NETWORKS(...) KTSTR_LIST(struct ktstr_net, __VA_ARGS__, { 0 })

KTSTR_END_C

#endif
