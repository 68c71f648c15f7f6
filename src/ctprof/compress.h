/* SPDX-License-Identifier: GPL-2.0-only */
/* compress.h -- zstd (RFC 8878) in memory. The library is loaded when it is needed. */
#ifndef KTSTR_CTPROF_COMPRESS_H
#define KTSTR_CTPROF_COMPRESS_H

#include "base/err.h"

/* Appends one frame. */
int zstd_compress(const void *data, size_t len, struct buf *out, struct err **err);
/* True if @data begins with a frame of zstd. */
bool zstd_is_frame(const void *data, size_t len);
/* Appends the content of one frame, at most @most bytes. -EBADMSG: it is damaged; -EFBIG: it is longer. */
int zstd_decompress(const void *data, size_t len, size_t most, struct buf *out, struct err **err);

#endif
