/* SPDX-License-Identifier: GPL-2.0-only */
/* unpack.h -- kernel tarballs (xz, gzip, zstd), from anywhere: nothing of them leaves the target directory. */
#ifndef KTSTR_KERNEL_UNPACK_H
#define KTSTR_KERNEL_UNPACK_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"

#define UNPACK_BYTES_MAX ((uint64_t)12 << 30)
#define UNPACK_FILES_MAX 400000u
#define VERSION_TEXT_MAX 64

struct unpack_progress {
	_Atomic uint64_t read_bytes, files;	/* of the compressed file; written */
	atomic_bool cancel;
};

/* The version in the tree's top Makefile, without unpacking more than what stands before it. Blocks. */
int unpack_peek_version(const char *tarball, char ret[VERSION_TEXT_MAX], struct err **err);
/* Unpacks into @dir, without the archive's top directory. Blocks. */
int unpack_tarball(const char *tarball, const char *dir, struct unpack_progress *progress, struct err **err);
/* "6.12.117" out of a top Makefile's text; -EBADMSG when it is none. */
int kernel_makefile_version(const char *text, char ret[VERSION_TEXT_MAX]);

#endif
