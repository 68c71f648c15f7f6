/* SPDX-License-Identifier: GPL-2.0-only */
/* compress.c -- see compress.h. */
#include <string.h>
#include <zstd.h>

#include "base/library.h"
#include "ctprof/compress.h"

#define LEVEL 3
#define PIECE ((size_t)128 << 10)

#define ZSTD_FUNCTIONS(X) \
	X(compress) X(compressBound) X(isError) X(getErrorName) X(createDStream) X(freeDStream) X(decompressStream)
#define ZSTD_SLOT(name) __typeof__(ZSTD_##name) *name;
#define ZSTD_NAME(name) "ZSTD_" #name,

struct zstd_api {
	ZSTD_FUNCTIONS(ZSTD_SLOT)
};

static int open_library(struct zstd_api *api, struct err **err)
{
	static const char *const names[] = { ZSTD_FUNCTIONS(ZSTD_NAME) NULL };
	return library_open("libzstd.so.1", names, api, err);
}

int zstd_compress(const void *data, size_t len, struct buf *out, struct err **err)
{
	struct zstd_api z;
	int r = open_library(&z, err);
	if (r < 0)
		return r;
	size_t room = z.compressBound(len), at = out->len;
	buf_zeros(out, room);
	if (out->failed)
		return -ENOMEM;
	size_t wrote = z.compress(out->data + at, room, data, len, LEVEL);
	if (z.isError(wrote))
		return FAIL(err, ERR_BUG, -EIO, "compress %zu bytes: %s", len, z.getErrorName(wrote));
	out->len = at + wrote;
	out->data[out->len] = '\0';
	return 0;
}

bool zstd_is_frame(const void *data, size_t len)
{
	return len >= 4 && !memcmp(data, "\x28\xb5\x2f\xfd", 4);
}

static int decompress_pieces(const struct zstd_api *z, ZSTD_DStream *stream, ZSTD_inBuffer *in, size_t most,
			     struct buf *out, struct err **err)
{
	_cleanup_free_ char *piece = malloc(PIECE);
	size_t begin = out->len, left = 1;
	if (!piece)
		return -ENOMEM;
	while (left) {
		ZSTD_outBuffer to = { .dst = piece, .size = PIECE };
		size_t before = in->pos;
		left = z->decompressStream(stream, &to, in);
		if (z->isError(left))
			return FAIL(err, ERR_DATA, -EBADMSG, "the compressed data are damaged: %s",
				    z->getErrorName(left));
		if (to.pos > most - (out->len - begin))
			return FAIL(err, ERR_DATA, -EFBIG, "it has more than %zu MiB of content", most >> 20);
		buf_append(out, piece, to.pos);
		if (left && !to.pos && in->pos == before)
			return FAIL(err, ERR_DATA, -EBADMSG, "the compressed data end too early");
	}
	if (in->pos != in->size)
		return FAIL(err, ERR_DATA, -EBADMSG, "there are %zu bytes behind the compressed data",
			    in->size - in->pos);
	return out->failed ? -ENOMEM : 0;
}

int zstd_decompress(const void *data, size_t len, size_t most, struct buf *out, struct err **err)
{
	struct zstd_api z;
	ZSTD_inBuffer in = { .src = data, .size = len };
	int r = open_library(&z, err);
	if (r < 0)
		return r;
	ZSTD_DStream *stream = z.createDStream();
	if (!stream)
		return -ENOMEM;
	r = decompress_pieces(&z, stream, &in, most, out, err);
	z.freeDStream(stream);
	return r;
}
