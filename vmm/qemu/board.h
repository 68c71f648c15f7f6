/* SPDX-License-Identifier: GPL-2.0-only */
/* board.h -- the parts of QEMU's command line that depend on the guest's architecture: one table of functions. */
#ifndef KTSTR_VMM_QEMU_BOARD_H
#define KTSTR_VMM_QEMU_BOARD_H

#include "vmm/qemu/argv.h"

struct qemu_board {
	const char *machine;	 /* -M */
	const char *processor;	 /* -cpu */
	const char *exit_option; /* what lets the guest end the machine: an option and its value */
	const char *exit_value;
	const char *park_device;
	const char *late_cpus; /* words for a kernel that starts its processors one by one, see vm_config; NULL: none */
	/* how many processors, and how the kernel learns their topology */
	void (*add_processors)(struct qemu_argv *a, const struct vm_config *c);
	/* why a topology cannot be run, or NULL */
	const char *(*refuses)(const struct ktstr_topology *t, char *out, size_t size);
};

extern const struct qemu_board qemu_board_x86;
extern const struct qemu_board qemu_board_arm64;

#endif
