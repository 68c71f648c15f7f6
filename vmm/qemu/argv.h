/* SPDX-License-Identifier: GPL-2.0-only */
/* argv.h -- QEMU's command line as data, with the options that make a guest deterministic and the declared topology. */
#ifndef KTSTR_VMM_QEMU_ARGV_H
#define KTSTR_VMM_QEMU_ARGV_H

#include "base/buf.h"
#include "vmm/guestmem.h"
#include "vmm/vm.h"

#define QEMU_ARGS_MAX 192

/* Descriptors in QEMU's process. */
enum qemu_fd {
	QEMU_FD_QMP = 3,
	QEMU_FD_CONSOLE = 4,
	QEMU_FD_INITRD = 5,
	QEMU_FD_ICOUNT_HANDOFF = 6,
	QEMU_FD_STATE = 7,
	QEMU_FD_KERNEL = 8,
	QEMU_FD_TERMINAL = 9,
	QEMU_FD_RAM0 = 10,
	QEMU_FD_INITRD_COMMON = 18,
	QEMU_FD_DEVICE_TREE = 27,
	QEMU_FD_DISK = 28, /* and one for reading only; below CONFINE_FD_PROGRAM */
	QEMU_FD_DISK_READ = 29
};

#define QEMU_LIBRARY "/proc/self/fd/6" /* QEMU_FD_ICOUNT_HANDOFF */
#define QEMU_PRELOAD "LD_PRELOAD=" QEMU_LIBRARY
#define QEMU_PLUGIN  "file=" QEMU_LIBRARY
/* For parallel time without an observer: see vmm/qemu/observer/plugin.c. */
#define QEMU_PLUGIN_BLOCKS QEMU_PLUGIN ",blocks=on"

struct qemu_argv {
	const char *arg[QEMU_ARGS_MAX]; /* NULL-terminated */
	unsigned count;
	bool failed;
};

/* One more argument. */
void qemu_argv_add(struct qemu_argv *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
int qemu_argv_build(struct qemu_argv *a, const struct vm_config *c, const struct guestmem *m);
void qemu_argv_done(struct qemu_argv *a);
/* Why a machine cannot be run, or NULL. */
const char *qemu_refuses(const struct vm_config *c, char *out, size_t size);

#endif
