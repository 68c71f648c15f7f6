/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cachefile.h -- a directory of cached files with checksums. Each file can be made again when it is missing.
 *
 * Each file NAME has a record NAME.sum: size and XXH3-128 of the content, and the last successful check (boot of the
 * host, inode, ctime). A file is hashed when it is first opened after a boot of the host, and when its ctime has
 * changed. This finds data that was lost in a power cut, and files that somebody changed. A damaged file is removed,
 * and the caller makes it again. The record's modification time is the time of the last use; trimming removes the least
 * recently used files.
 */
#ifndef KTSTR_BASE_CACHEFILE_H
#define KTSTR_BASE_CACHEFILE_H

#include <limits.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/hash.h"

/* Shared by all calls of one user. The pointer and each member may be NULL. */
struct cachefile_use {
	const atomic_bool *cancel; /* when it becomes true, hashing ends with -ECANCELED */
	atomic_uint *damaged;	   /* counts files that were found damaged and removed */
};

/* A new file that is being written; `fd` is for reading and writing. */
struct cachefile {
	int dir, fd;
	char name[NAME_MAX - 40], fresh[NAME_MAX];
};

#define CACHEFILE_NULL ((struct cachefile){ .dir = -1, .fd = -1 })

/*
 * Opens @name in @dir for reading. -ENOENT: the file is missing or was damaged; make it. Other errors: the directory
 * cannot be used (dir_open()). Blocks.
 */
int cachefile_open(const char *dir, const char *name, const struct cachefile_use *use, int *ret_fd);
/* Begins a new file; creates the directory if it is missing. */
int cachefile_begin(struct cachefile *f, const char *dir, const char *name);
/* Syncs the file, renames it to its name and writes its record. `fd` stays open; the caller may take it. Blocks. */
int cachefile_commit(struct cachefile *f, const struct cachefile_use *use);
/* Closes the file, and removes it if it was not committed. */
void cachefile_done(struct cachefile *f);
/* Begin, write @data, commit, done. */
int cachefile_store(const char *dir, const char *name, const void *data, size_t len, const struct cachefile_use *use);

/*
 * Removes the least recently used files of @dir whose names end in @suffix until @most are left, and old unfinished
 * files of killed processes. Open descriptors stay valid. Errors are ignored. Blocks.
 */
void cachefile_trim(const char *dir, const char *suffix, unsigned most);

/* XXH3-128 of the content of @fd, which stays where it is. @cancel: may be NULL. Blocks. */
int cachefile_hash(int fd, const atomic_bool *cancel, uint64_t ret[2]);

/*
 * Adds to @h what the file system says of a file: device, inode, size, time of the last change. False: the file is not
 * there, or may change once more in this tick of the file system's clock; then only its content tells what it is.
 */
bool cachefile_identify(const char *path, struct siphash *h);

/* Writes the record of @name in the directory @dir, for a file that other code wrote. Blocks. */
int cachefile_record(int dir, const char *name);
/* Checks @name without removing it: -EBADMSG: it is damaged; -ENOENT: the file or its record is missing. Blocks. */
int cachefile_check(int dir, const char *name, const struct cachefile_use *use);

#endif
