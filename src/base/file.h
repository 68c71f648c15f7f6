/* SPDX-License-Identifier: GPL-2.0-only */
/* file.h -- operations on whole files, directories and descriptors. */
#ifndef KTSTR_BASE_FILE_H
#define KTSTR_BASE_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Opens a file that somebody named, for reading. Returns a descriptor or a negative errno. Never waits: it refuses what
 * is not a regular file (a FIFO without a writer would block for ever), a directory with -EISDIR, others with -EINVAL.
 */
int file_open(const char *path, struct err **err);
/* "a FIFO", "a directory", "a regular file" ... */
const char *file_kind(mode_t mode);
/*
 * Reads a whole file of at most @max bytes; -EFBIG if it is larger. Works on procfs, where sizes are 0. Opens as
 * file_open(). Replaces the content of @ret.
 */
int file_read(const char *path, size_t max, struct buf *ret, struct err **err);
/*
 * Writes a temporary file beside @path, syncs it and renames it: readers see the old or the new content, also after a
 * power cut. Follows no link and does not write to an existing file.
 */
int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err **err);
/* The same for @name in the directory @dir. */
int file_write_atomic_at(int dir, const char *name, const void *data, size_t len, mode_t mode, struct err **err);
/*
 * For files that the user named: the same, but a device or a pipe is written to, not replaced. The error is ERR_OUTPUT.
 */
int file_write_output(const char *path, const void *data, size_t len, mode_t mode, struct err **err);
/*
 * As file_write_atomic_at() and file_write_output(), but @write, which gets @data, writes the content: for files that
 * do not fit into memory. No part of a file is left if it fails.
 */
typedef int file_write_fn(void *data, int fd, struct err **err);
int file_write_by(int dir, const char *name, mode_t mode, file_write_fn *write, void *data, struct err **err);
int file_write_output_by(const char *path, mode_t mode, file_write_fn *write, void *data, struct err **err);
/* For commands that work long before they write: fails now if @path cannot be written. Creates nothing. */
int file_check_output(const char *path, struct err **err);
/* Refuses an output that would replace @input, by whatever name. */
int file_check_not_input(const char *path, const char *input, struct err **err);
/* Creates a new file for reading and writing. If @name exists, it is removed first. */
int file_create_at(int dir, const char *name, mode_t mode);
/*
 * Use this for every rename of a finished file or directory. Syncs @fd, renames @from to @to (both relative to @dir;
 * @flags as for renameat2(2)), and syncs the directory of @to: after a power cut @to is the old or the complete new
 * one. @fd is open on @from, or -1 if @from is synced already.
 */
int rename_durable(int fd, int dir, const char *from, const char *to, unsigned flags);
/* For control files of the kernel: writes @text with one open and one write. */
int file_write(const char *path, const char *text);

/* Read or write exactly @len bytes; EINTR and short transfers are retried. -ENODATA: the file ended early. */
int fd_read_full(int fd, void *data, size_t len);
int fd_write_full(int fd, const void *data, size_t len);
int fd_pread_full(int fd, void *data, size_t len, off_t at);
int fd_pwrite_full(int fd, const void *data, size_t len, off_t at);

/* Copies @from, from its start, to the file offset of @to. -ECANCELED when *@cancel is set; @cancel may be NULL. */
int fd_copy(int from, int to, const atomic_bool *cancel, struct err **err);
/* True if the work must end. For loops that run on the offload pool. */
static inline bool is_cancelled(const atomic_bool *cancel)
{
	return cancel && atomic_load_explicit(cancel, memory_order_relaxed);
}
/* Copies the content of a file to @to, which is replaced in place, and syncs it. @cancel as above. */
int file_copy(const char *from, const char *to, mode_t mode, const atomic_bool *cancel, struct err **err);

int mkdir_parents(const char *path, mode_t mode, struct err **err);
/* Removes a tree; not an error if it does not exist. Follows no links. */
int remove_tree(const char *path, struct err **err);
bool path_exists(const char *path);
bool path_is_dir(const char *path);

/* Appends device, inode, size, mtime and ctime: they differ for another file, and after a change of this one. */
int file_identify(const char *path, struct buf *out);

/* "@dir/@name" or NULL when out of memory; the caller frees. */
char *path_join(const char *dir, const char *name);
const char *path_basename(const char *path);
/* The directory part of @path ("." if it has none); the caller frees it. */
char *path_dirname(const char *path);

/* A shared-memory file of @size bytes, close-on-exec, or a negative errno. */
int memfd_new(const char *name, uint64_t size);

#endif
