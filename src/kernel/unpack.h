/* SPDX-License-Identifier: GPL-2.0-only */
/* unpack.h -- kernel tarballs (xz, gzip, zstd), from anywhere: nothing of them leaves the target directory. */
#ifndef KTSTR_KERNEL_UNPACK_H
#define KTSTR_KERNEL_UNPACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define UNPACK_BYTES_MAX ((uint64_t)12 << 30)
#define UNPACK_FILES_MAX 400000u
/* While only the version is looked for: a whole tree of today and more, whatever its order. */
#define PEEK_BYTES_MAX	 ((uint64_t)2 << 30)
#define PEEK_FILES_MAX	 150000u
#define VERSION_TEXT_MAX 64

struct unpack_progress {
	_Atomic uint64_t read_bytes, files; /* of the compressed file; written */
};

/*
 * Both block, and end with -ECANCELED, without an error object, within a moment after *@cancel was set (NULL: never).
 *
 * The version in the tree's top Makefile, without unpacking more than what stands before it.
 */
int unpack_peek_version(const char *tarball, const atomic_bool *cancel, char ret[VERSION_TEXT_MAX], struct err **err);
/* Unpacks into @dir, without the archive's top directory. Nothing is written elsewhere (tree.h). */
int unpack_tarball(const char *tarball, const char *dir, const atomic_bool *cancel, struct unpack_progress *progress,
		   struct err **err);
/* "6.12.3-rc1+": digits first, then letters, digits and ".-_+~", no "..": fit for paths and terminals. */
bool kernel_version_is_good(const char *text);
/* "6.12.117" out of a top Makefile's text; -EBADMSG when it is none. */
int kernel_makefile_version(const char *text, char ret[VERSION_TEXT_MAX]);

#endif
