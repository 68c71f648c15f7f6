/* SPDX-License-Identifier: GPL-2.0-only */
/* board.c -- see board.h. */
#include "vmm/board.h"
#include "vmm/cmdline.h"
#include "vmm/guestmem.h"

/*
 * aarch64 is QEMU's machine "virt". Without skew_tick, the ticks of all its CPUs coincide, and QEMU gives vCPUs slices
 * of no length.
 */
const struct board boards[ARCH_COUNT] = {
	[ARCH_X86_64] = { .ram = 0,
			  .log = GUEST_LOG_ADDRESS,
			  .console = "ttyS0",
			  .verbose = "earlycon=uart8250,io,0x3f8,115200n8 loglevel=7",
			  .words = "tsc=reliable no_timer_check rdinit=/init i8042.nokbd i8042.noaux",
			  .exit = VM_EXIT_PORT,
			  .park = VM_PARK_PORT },
	[ARCH_AARCH64] = { .ram = 0x40000000,
			   .log = 0x44000000,
			   .console = "ttyAMA0",
			   .verbose = "earlycon=pl011,0x9000000 loglevel=7",
			   .words = "rdinit=/init skew_tick=1",
			   .device_tree = true,
			   .exit = 1,
			   .park = 0x1e },
};
