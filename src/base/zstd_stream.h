/* SPDX-License-Identifier: GPL-2.0-only */
/* zstd_stream.h -- files that are one frame of zstd (RFC 8878), in pieces: memory does not depend on their size. */
#ifndef KTSTR_BASE_ZSTD_STREAM_H
#define KTSTR_BASE_ZSTD_STREAM_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"

struct zstd_writer;
struct zstd_reader;

/* @fd is borrowed. The library is loaded when it is needed: -ELIBACC if it is not installed. */
int zstd_writer_open(int fd, struct zstd_writer **ret, struct err **err);
int zstd_writer_put(struct zstd_writer *w, const void *data, size_t len, struct err **err);
/* Ends the frame, with a checksum of the content. Nothing may be written after it. */
int zstd_writer_end(struct zstd_writer *w, struct err **err);
void zstd_writer_free(struct zstd_writer *w);
DEFINE_CLEANUP(struct zstd_writer *, zstd_writer_free)

/* Reads from @fd's file offset on; borrowed. */
int zstd_reader_open(int fd, struct zstd_reader **ret, struct err **err);
/* Reads exactly @len bytes. -ENODATA: the content ends before; -EBADMSG: it is damaged. */
int zstd_reader_get(struct zstd_reader *r, void *data, size_t len, struct err **err);
void zstd_reader_free(struct zstd_reader *r);
DEFINE_CLEANUP(struct zstd_reader *, zstd_reader_free)

#endif
