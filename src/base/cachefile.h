/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cachefile.h -- files that can always be made anew, kept in a directory, and believed only after a check.
 *
 * Beside each file NAME lies its record NAME.sum: size and XXH3-128 of the content, and when it was last found to be
 * right (boot of the host, inode, time of change). A file is hashed when it is first opened in a boot of the host, and
 * when it was changed since; what the disk lost in a power cut, and what somebody wrote over, is found that way. A
 * damaged file is removed, so that whoever opened it makes it anew. The record's modification time is when the file
 * was last used: only those that were used last stay.
 */
#ifndef KTSTR_BASE_CACHEFILE_H
#define KTSTR_BASE_CACHEFILE_H

#include <limits.h>
#include <stdatomic.h>

#include "base/err.h"

/* What a caller shares with everything that it opens; NULL, and each member NULL, is fine. */
struct cachefile_use {
	const atomic_bool *cancel; /* set: long work ends with -ECANCELED */
	atomic_uint *damaged;	   /* counts files that were found damaged and removed */
};

/* A new file that is being written; `fd` is for reading and writing. */
struct cachefile {
	int dir, fd;
	char name[NAME_MAX - 40], fresh[NAME_MAX];
};

#define CACHEFILE_NULL ((struct cachefile){ .dir = -1, .fd = -1 })

/*
 * Opens @name in @dir for reading. -ENOENT: it is not there, or was damaged; then make it. Other errors: the directory
 * cannot be used (dir_open()). Blocks.
 */
int cachefile_open(const char *dir, const char *name, const struct cachefile_use *use, int *ret_fd);
/* Begins a new file; makes the directory where it is missing. */
int cachefile_begin(struct cachefile *f, const char *dir, const char *name);
/* Puts the written file in its place, with its record, synced. Keeps `fd` open, for the caller to take. Blocks. */
int cachefile_commit(struct cachefile *f, const struct cachefile_use *use);
/* Closes, and removes what was not committed. */
void cachefile_done(struct cachefile *f);
/* The three in one for content in memory. */
int cachefile_store(const char *dir, const char *name, const void *data, size_t len, const struct cachefile_use *use);

/*
 * Removes files of @dir whose names end in @suffix, the one that was not used for longest first, until @most are left;
 * and what killed processes left half-written. Who has one open keeps it. Blocks; what cannot be removed stays.
 */
void cachefile_trim(const char *dir, const char *suffix, unsigned most);

/* For files that something else puts in place: writes the record of @name in the directory @dir. Blocks. */
int cachefile_record(int dir, const char *name);
/* Checks it, and removes nothing: -EBADMSG when it is damaged, -ENOENT when there is no file or no record. Blocks. */
int cachefile_check(int dir, const char *name, const struct cachefile_use *use);

#endif
