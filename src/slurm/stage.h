/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stage.h -- copies of files and directories for other machines, with digests. The digest covers the relative names,
 * the kinds, the executable bits and the contents, so a copy that arrived whole has the digest of its source.
 */
#ifndef KTSTR_SLURM_STAGE_H
#define KTSTR_SLURM_STAGE_H

#include "base/err.h"

#define STAGE_DIGEST_MAX 33 /* XXH3-128 in hexadecimal */

/* The digest of a file or of all files below a directory. */
int stage_digest(const char *path, char ret[STAGE_DIGEST_MAX], struct err **err);
/* Copies a file or a tree to @to, which must not exist. @ret: the digest of what was read. */
int stage_copy(const char *from, const char *to, char ret[STAGE_DIGEST_MAX], struct err **err);

#endif
