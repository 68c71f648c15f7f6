/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dir.h -- directories in places that other users of the host can write to.
 *
 * Whoever can write to a directory can put a symbolic link there, or a file of their own, under a name that we are
 * about to write. Directories are therefore opened here once, checked, and used by descriptor from then on.
 */
#ifndef KTSTR_BASE_DIR_H
#define KTSTR_BASE_DIR_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

/*
 * Opens the directory @path (O_PATH); with @create, what is missing of it is made with mode 0755. Symbolic links on the
 * way are followed only where root or we own them. Refused with -EPERM and a hint: a directory of another user, and one
 * that others can write to, unless it is sticky. @variable: the environment variable that names another place.
 */
int dir_open(const char *path, bool create, const char *variable, int *ret_fd, struct err **err);
/* The same for the directory @name in @dir, made with mode 0755 where it is missing; no link. @path: for errors. */
int dir_open_below(int dir, const char *name, const char *path, const char *variable, int *ret_fd, struct err **err);
/* Opens @path below @dir: through no symbolic link, and not out of @dir. Returns a descriptor or a negative errno. */
int open_beneath(int dir, const char *path, int flags, mode_t mode);
/* Root or we own it. */
bool is_trusted_owner(const struct stat *st);

#endif
