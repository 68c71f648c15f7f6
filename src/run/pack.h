/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pack.h -- a run of a machine (packed_run.h) as one file: a tar archive, compressed with zstd. Its first member is the
 * manifest; then come the files. A pack may come from anywhere, so all that is in it is checked when it is read.
 */
#ifndef KTSTR_RUN_PACK_H
#define KTSTR_RUN_PACK_H

#include "run/packed_run.h"

#define PACK_MANIFEST "manifest.json"
#define PACK_SUFFIX   ".ktstr-pack"

/* Hashes the files of @p, and writes @path at once or not at all. Blocks. */
int pack_write(struct packed_run *p, const char *path, struct err **err);
/*
 * Reads all of the pack @path. The files are in memory (memfd). -EBADMSG: it is not a pack, is damaged, or has
 * something that a pack cannot have; the error says what. Blocks.
 */
int pack_read(const char *path, struct packed_run *ret, struct err **err);
/* Whether the file begins as a pack does: as a file of zstd. */
bool pack_is(const char *path);

#endif
