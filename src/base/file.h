/* SPDX-License-Identifier: GPL-2.0-only */
/* file.h -- whole files, directories and descriptors: the few things done to them, each with its errors named. */
#ifndef KTSTR_BASE_FILE_H
#define KTSTR_BASE_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Reads a whole file of at most @max bytes; a larger one is -EFBIG. Works on procfs, whose sizes are 0. What was in
 * @ret is replaced, not added to.
 */
int file_read(const char *path, size_t max, struct buf *ret, struct err **err);
/*
 * Writes @path through a temporary name beside it, synced, then renamed: readers see the old or the new content, also
 * after a power cut. Writes through no link and into no file that was there before.
 */
int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err **err);
/* The same for @name in the directory @dir. */
int file_write_atomic_at(int dir, const char *name, const void *data, size_t len, mode_t mode, struct err **err);
/* A file that was not there before, for reading and writing; what another process left under @name is removed first. */
int file_create_at(int dir, const char *name, mode_t mode);
/*
 * Every rename of a finished file or directory goes through here. Syncs @fd, renames @from to @to (both relative to
 * @dir; @flags as renameat2(2)), and syncs the directory of @to: after a power cut @to is the old or the whole new one.
 * @fd: what @from names, or -1 when it is synced already.
 */
int rename_durable(int fd, int dir, const char *from, const char *to, unsigned flags);
/* For kernel control files: one open, one write. */
int file_write(const char *path, const char *text);

/* Reads or writes exactly @len bytes, retrying EINTR and short transfers; end of file early is -ENODATA. */
int fd_read_full(int fd, void *data, size_t len);
int fd_write_full(int fd, const void *data, size_t len);
int fd_pread_full(int fd, void *data, size_t len, off_t at);
int fd_pwrite_full(int fd, const void *data, size_t len, off_t at);

/* Content of @from from its start, appended to @to at its file offset. -ECANCELED once *@cancel (or NULL) is set. */
int fd_copy(int from, int to, const atomic_bool *cancel, struct err **err);
/* Whether somebody wants the work to end. For loops that run on the offload pool. */
static inline bool is_cancelled(const atomic_bool *cancel)
{
	return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}
/* Copies the content of a file to @to, which is replaced in place, and syncs it. @cancel as above. */
int file_copy(const char *from, const char *to, mode_t mode, const atomic_bool *cancel, struct err **err);

int mkdir_parents(const char *path, mode_t mode, struct err **err);
/* Removes a tree; what does not exist is fine. Follows no links. */
int remove_tree(const char *path, struct err **err);
bool path_exists(const char *path);
bool path_is_dir(const char *path);

/* Appends what tells this file from another, or from itself before a change, without reading it. */
int file_identify(const char *path, struct buf *out);

/* "@dir/@name" or NULL when out of memory; the caller frees. */
char *path_join(const char *dir, const char *name);
const char *path_basename(const char *path);
/* Directory part in a string that the caller frees ("." when there is none). */
char *path_dirname(const char *path);

/* A shared-memory file of @size bytes, close-on-exec, or a negative errno. */
int memfd_new(const char *name, uint64_t size);

#endif
