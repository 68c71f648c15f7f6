/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * entry_archive.h -- cache entries as archives, tar and zstd, that leave this machine and come back: packing one, and
 * accepting one that nobody vouches for.
 */
#ifndef KTSTR_KERNEL_ENTRY_ARCHIVE_H
#define KTSTR_KERNEL_ENTRY_ARCHIVE_H

#include "kernel/job.h"

/*
 * Writes the entry's files below "KEY/", and behind the archive, in a frame that readers of zstd skip, the SHA-256 of
 * all bytes before it. Blocks.
 */
int entry_pack(const struct cache *cache, const char *key, const char *to, const atomic_bool *cancel, struct err **err);
/* Whether the file ends in the checksum of its content; -EBADMSG: it does not. Blocks. */
int entry_archive_check(const char *path, struct err **err);
/*
 * Unpacks the archive in the job's work directory, checks that it is the job's kernel and that the files have their
 * checksums, and publishes it. Blocks.
 */
int entry_accept(struct kernel_job *job, const char *archive, const atomic_bool *cancel,
		 struct unpack_progress *progress, struct err **err);
/* Removes what entry_accept() left in the work directory. */
void entry_accept_clean(const struct kernel_job *job);

#endif
