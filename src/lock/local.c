/* SPDX-License-Identifier: GPL-2.0-only */
/* local.c -- see local.h. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lock/local.h"

#define REPLACED_RETRIES_MAX 16

/* Numbers from <linux/magic.h> and the file systems' sources. Only 32 bits are significant. */
static const struct {
	uint32_t magic;
	const char *name;
} remote[] = {
	{ 0x6969, "NFS" },     { 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB2" },
	{ 0x517b, "SMB" },     { 0x00c36400, "Ceph" }, { 0x6b414653, "AFS" },
	{ 0x5346414f, "AFS" }, { 0x65735546, "FUSE" }, { 0x01021997, "9P" },
};

static int real_magic(int fd, uint64_t *ret)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	*ret = (uint64_t)fs.f_type;
	return 0;
}

int lock_check_local(int fd, const char *path, const char *variable, fs_magic_fn *magic, struct err **err)
{
	uint64_t type;
	int r = (magic ? magic : real_magic)(fd, &type);
	if (r < 0)
		return FAIL_SYS(err, r, "find out the file system of '%s'", path);
	for (size_t i = 0; i < ARRAY_SIZE(remote); i++)
		if ((uint32_t)type == remote[i].magic)
			return FAIL(err, ERR_MISSING, -EOPNOTSUPP,
				    "%s: filesystem %s is not supported for ktstr lockfiles (its locks may not reach "
				    "other processes); set %s to a directory on a local filesystem (tmpfs, "
				    "ext4, xfs, btrfs)",
				    path, remote[i].name, variable);
	return 0;
}

/*
 * In a sticky directory the kernel may forbid O_CREAT on another user's file (fs.protected_regular), so an existing
 * file is opened without it. O_NOFOLLOW and O_NONBLOCK: another user may have put a link or a FIFO there.
 */
static int open_or_create(int dir, const char *name, mode_t mode)
{
	const int common = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	for (unsigned i = 0; i < REPLACED_RETRIES_MAX; i++) {
		int fd = openat(dir, name, common);
		if (fd >= 0 || errno != ENOENT)
			return fd >= 0 ? fd : -errno;
		fd = openat(dir, name, common | O_CREAT | O_EXCL, mode);
		if (fd >= 0) {
			fchmod(fd, mode);
			return fd;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int lock_file_open(int dir, const char *name, mode_t mode)
{
	struct stat st;
	_cleanup_close_ int fd = open_or_create(dir, name, mode);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -EBADF;
}
