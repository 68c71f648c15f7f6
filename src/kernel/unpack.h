/* SPDX-License-Identifier: GPL-2.0-only */
/* unpack.h -- unpacks untrusted kernel tarballs (xz, gzip, zstd). Writes nothing outside the target directory. */
#ifndef KTSTR_KERNEL_UNPACK_H
#define KTSTR_KERNEL_UNPACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define UNPACK_BYTES_MAX ((uint64_t)12 << 30)
#define UNPACK_FILES_MAX 400000u
/* Limit for the search for the version: more than a present kernel tree has, in any order of members. */
#define PEEK_BYTES_MAX	 ((uint64_t)2 << 30)
#define PEEK_FILES_MAX	 150000u
#define VERSION_TEXT_MAX 64

struct unpack_progress {
	_Atomic uint64_t read_bytes, files; /* read of the compressed file; files written */
};

/*
 * Both functions block. Shortly after *@cancel is set (NULL: never) they return -ECANCELED without an error object.
 *
 * Reads the version from the tree's top Makefile. Reads the archive only up to that file.
 */
int unpack_peek_version(const char *tarball, const atomic_bool *cancel, char ret[VERSION_TEXT_MAX], struct err **err);
/* Unpacks into @dir, without the archive's top directory. Writes nothing elsewhere (tree.h). */
int unpack_tarball(const char *tarball, const char *dir, const atomic_bool *cancel, struct unpack_progress *progress,
		   struct err **err);
/*
 * Whether @text is a version such as "6.12.3-rc1+", safe in paths and on terminals: starts with a digit; letters,
 * digits and ".-_+~" follow; no "..".
 */
bool kernel_version_is_good(const char *text);
/* Reads a version such as "6.12.117" from the text of a top Makefile; -EBADMSG when it has none. */
int kernel_makefile_version(const char *text, char ret[VERSION_TEXT_MAX]);

#endif
