/* SPDX-License-Identifier: GPL-2.0-only */
/* local.h -- locks only mean something where every process asks the same kernel: remote file systems are refused. */
#ifndef KTSTR_LOCK_LOCAL_H
#define KTSTR_LOCK_LOCAL_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Type of the file system of @fd as statfs(2) has it; tests give their own. */
typedef int fs_magic_fn(int fd, uint64_t *ret);

/*
 * Opens the lock file @name in @dir, made with @mode (whatever the umask) where it is missing: through no link, without
 * writing to it. Returns a descriptor, or a negative errno; -EBADF: it is not a regular file.
 */
int lock_file_open(int dir, const char *name, mode_t mode);

/* -EOPNOTSUPP naming the file system of @path; @variable is what to set instead. @magic: NULL for the real one. */
int lock_check_local(int fd, const char *path, const char *variable, fs_magic_fn *magic, struct err **err);

#endif
