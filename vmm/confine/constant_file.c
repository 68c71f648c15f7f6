/* SPDX-License-Identifier: GPL-2.0-only */
/* constant_file.c -- see constant_file.h. */
#include "vmm/confine/constant_file.h"

#include <errno.h>
#include <fcntl.h>

#include "base/file.h"

static const char *const names[CONSTANT_FILES] = { "ktstr-confine", "ktstr-qemu-library", "ktstr-vmm" };

static int make(enum constant_file which, const char *data, size_t len)
{
	_cleanup_close_ int fd = memfd_new(names[which], 0);
	int r = fd < 0 ? fd : fd_write_full(fd, data, len);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int constant_file_open(struct constant_files *shared, enum constant_file which, const char *data, size_t len)
{
	if (!shared)
		return make(which, data, len);
	if (shared->fd[which] < 0)
		shared->fd[which] = make(which, data, len);
	if (shared->fd[which] < 0)
		return shared->fd[which];
	int fd = fcntl(shared->fd[which], F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

void constant_files_done(struct constant_files *files)
{
	for (int i = 0; i < CONSTANT_FILES; i++)
		fd_close(files->fd[i]);
	*files = CONSTANT_FILES_NULL;
}
