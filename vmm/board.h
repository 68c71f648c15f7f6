/* SPDX-License-Identifier: GPL-2.0-only */
/* board.h -- what differs between the machines of the architectures, outside of the backends: one table. */
#ifndef KTSTR_VMM_BOARD_H
#define KTSTR_VMM_BOARD_H

#include "base/arch.h"

struct board {
	uint64_t ram; /* guest-physical address of the first byte */
	uint64_t log; /* of the event log: above the kernel, below every initramfs */
	/* words of the kernel's command line */
	const char *console, *verbose, *words;
	bool device_tree; /* the kernel learns of its machine from one (arm64/devicetree.h) */
	uint16_t exit;	  /* ends the machine: a port for one write; on aarch64 any value, for a semihosting call */
	uint16_t park;	  /* stops the machine to save it: pvpanic's port; on aarch64 its slot on the PCI bus */
};

extern const struct board boards[ARCH_COUNT];

#endif
