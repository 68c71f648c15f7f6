/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dir.h -- directories in places that other users of the host can write to.
 *
 * A user who can write to a directory can put a symbolic link or a file there, under a name that ktstr is about to
 * write. Directories are therefore opened once, checked, and then used by descriptor.
 */
#ifndef KTSTR_BASE_DIR_H
#define KTSTR_BASE_DIR_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

/*
 * Opens the directory @path (O_PATH); with @create, missing directories are created with mode 0755. Symbolic links on
 * the way are followed only if root or this user owns them. -EPERM, with a hint: the directory belongs to another user,
 * or others can write to it and it is not sticky. @variable: the environment variable that sets the directory, for the
 * hint.
 */
int dir_open(const char *path, bool create, const char *variable, int *ret_fd, struct err **err);
/* Opens or creates the directory @name in @dir in the same way; it must not be a link. @path: for error messages. */
int dir_open_below(int dir, const char *name, const char *path, const char *variable, int *ret_fd, struct err **err);
/* Opens @path below @dir. Follows no symbolic link and does not leave @dir. Returns a descriptor or negative errno. */
int open_beneath(int dir, const char *path, int flags, mode_t mode);
/* True if root or this user is the owner. */
bool is_trusted_owner(const struct stat *st);

#endif
