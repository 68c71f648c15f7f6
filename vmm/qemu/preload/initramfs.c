/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * initramfs.c -- copies the common part of the initramfs into the hole that was left for it in the machine's own file,
 * before QEMU reads that. Each machine does this for itself, and not the orchestrator for all of them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/qemu/argv.h"

#define STATUS_IO 74 /* EX_IOERR of sysexits.h */

static int fill(void)
{
	struct stat st;
	if (fstat(QEMU_FD_INITRD_COMMON, &st) < 0 || lseek(QEMU_FD_INITRD, 0, SEEK_SET) < 0)
		return -errno;
	for (off_t at = 0; at < st.st_size;) {
		ssize_t n = sendfile(QEMU_FD_INITRD, QEMU_FD_INITRD_COMMON, &at, (size_t)(st.st_size - at));
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ENODATA;
	}
	return lseek(QEMU_FD_INITRD, 0, SEEK_SET) < 0 ? -errno : 0;
}

__attribute__((constructor)) static void fill_hole(void)
{
	int r = getenv("KTSTR_TCG_INITRAMFS") ? fill() : 0;
	if (r == 0)
		return;
	fprintf(stderr, "cannot copy the common part of the initramfs: %s\n", strerrordesc_np(-r));
	_exit(STATUS_IO);
}
