/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * release.c -- gives the guest's memory back to the host when the guest has ended itself by its exit port. The
 * orchestrator has the files, too, so the memory would stay until it closes them, and freeing it would cost one process
 * what it costs all machines. The guest's event log stays.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "vmm/qemu/argv.h"

#define VARIABLE     "KTSTR_TCG_RELEASE" /* "NODES,FIRST,LENGTH": what stays of the first node's file, in bytes */
#define ENDED_STATUS 1			 /* of QEMU after a regular end; any other end may have to be explained */

static void punch(int fd, off_t from, off_t to)
{
	if (from < to)
		fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, to - from);
}

static void release(int status, void *arg)
{
	const char *value = arg;
	int64_t first, length;
	struct stat st;
	int nodes;
	if (status != ENDED_STATUS || sscanf(value, "%d,%" SCNd64 ",%" SCNd64, &nodes, &first, &length) != 3)
		return;
	for (int i = 0; i < nodes && fstat(QEMU_FD_RAM0 + i, &st) == 0; i++) {
		punch(QEMU_FD_RAM0 + i, 0, i ? st.st_size : first);
		if (!i)
			punch(QEMU_FD_RAM0, first + length, st.st_size);
	}
}

__attribute__((constructor)) static void prepare(void)
{
	char *kept = getenv(VARIABLE);
	if (kept)
		on_exit(release, kept);
}
