/* SPDX-License-Identifier: GPL-2.0-only */
/* devices.h -- a disk and networks whose answers come at guest times; see devices.c. */
#ifndef KTSTR_VMM_QEMU_PRELOAD_DEVICES_H
#define KTSTR_VMM_QEMU_PRELOAD_DEVICES_H

/*
 * Call it on the vCPU thread with QEMU's big lock held, before any vCPU has run. Returns NULL, or what could not be
 * found; static text. Without the environment variable KTSTR_TCG_DEVICES, and after the first call, it does nothing.
 */
const char *devices_start(void);

#endif
