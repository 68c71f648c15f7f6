/* SPDX-License-Identifier: GPL-2.0-only */
/* local.h -- opens lock files, and refuses remote file systems: processes on other machines may not see their locks. */
#ifndef KTSTR_LOCK_LOCAL_H
#define KTSTR_LOCK_LOCAL_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* f_type of statfs(2) for @fd. Tests pass their own function. */
typedef int fs_magic_fn(int fd, uint64_t *ret);

/*
 * Opens the lock file @name in @dir read-only, and creates it with @mode (regardless of the umask) where it is missing.
 * Follows no link. Returns a descriptor or a negative errno; -EBADF: not a regular file.
 */
int lock_file_open(int dir, const char *name, mode_t mode);

/*
 * -EOPNOTSUPP when @path is on a remote file system. The error tells to set @variable. @magic: NULL for the real one.
 */
int lock_check_local(int fd, const char *path, const char *variable, fs_magic_fn *magic, struct err **err);

#endif
