/* SPDX-License-Identifier: GPL-2.0-only */
/* zstd_stream.c -- see zstd_stream.h. */
#include "base/zstd_stream.h"

#include <stdbool.h>
#include <string.h>
#include <zstd.h>

#include "base/file.h"
#include "base/library.h"

#define LEVEL	   3
#define PIECE	   ((size_t)128 << 10)
#define WINDOW_LOG 23 /* most memory that a frame may ask of its reader: 8 MiB */

#define ZSTD_FUNCTIONS(X) \
	X(isError)        \
	X(getErrorName)   \
	X(createCCtx)     \
	X(freeCCtx)       \
	X(CCtx_setParameter) X(compressStream2) X(createDCtx) X(freeDCtx) X(DCtx_setParameter) X(decompressStream)
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

/* --- writing ------------------------------------------------------------------------------------------------------ */

struct zstd_writer {
	struct zstd_api z;
	ZSTD_CCtx *context;
	int fd;
	char piece[PIECE];
};

int zstd_writer_open(int fd, struct zstd_writer **ret, struct err **err)
{
	_cleanup_(zstd_writer_free_p) struct zstd_writer *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	int r = open_library(&w->z, err);
	if (r < 0)
		return r;
	w->fd = fd;
	w->context = w->z.createCCtx();
	if (!w->context)
		return -ENOMEM;
	w->z.CCtx_setParameter(w->context, ZSTD_c_compressionLevel, LEVEL);
	w->z.CCtx_setParameter(w->context, ZSTD_c_checksumFlag, 1);
	*ret = TAKE_PTR(w);
	return 0;
}

static int compress(struct zstd_writer *w, ZSTD_inBuffer *in, ZSTD_EndDirective how, struct err **err)
{
	for (size_t left = 1; left || in->pos < in->size;) {
		ZSTD_outBuffer out = { .dst = w->piece, .size = PIECE };
		left = w->z.compressStream2(w->context, &out, in, how);
		if (w->z.isError(left))
			return FAIL(err, ERR_BUG, -EIO, "compress: %s", w->z.getErrorName(left));
		int r = fd_write_full(w->fd, w->piece, out.pos);
		if (r < 0)
			return FAIL(err, ERR_OUTPUT, r, "write compressed data: %s", strerror(-r));
		if (how == ZSTD_e_continue && in->pos == in->size)
			return 0;
	}
	return 0;
}

int zstd_writer_put(struct zstd_writer *w, const void *data, size_t len, struct err **err)
{
	ZSTD_inBuffer in = { .src = data, .size = len };
	return compress(w, &in, ZSTD_e_continue, err);
}

int zstd_writer_end(struct zstd_writer *w, struct err **err)
{
	ZSTD_inBuffer in = { .src = "", .size = 0 };
	return compress(w, &in, ZSTD_e_end, err);
}

void zstd_writer_free(struct zstd_writer *w)
{
	if (w && w->context)
		w->z.freeCCtx(w->context);
	free(w);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

struct zstd_reader {
	struct zstd_api z;
	ZSTD_DCtx *context;
	int fd;
	bool ended; /* the frame is complete */
	ZSTD_inBuffer in;
	char piece[PIECE];
};

int zstd_reader_open(int fd, struct zstd_reader **ret, struct err **err)
{
	_cleanup_(zstd_reader_free_p) struct zstd_reader *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	int r = open_library(&d->z, err);
	if (r < 0)
		return r;
	d->fd = fd;
	d->in.src = d->piece;
	d->context = d->z.createDCtx();
	if (!d->context)
		return -ENOMEM;
	d->z.DCtx_setParameter(d->context, ZSTD_d_windowLogMax, WINDOW_LOG);
	*ret = TAKE_PTR(d);
	return 0;
}

static int refill(struct zstd_reader *d, struct err **err)
{
	ssize_t n;
	do
		n = read(d->fd, d->piece, PIECE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return FAIL_SYS(err, -errno, "read compressed data");
	if (!n)
		return FAIL(err, ERR_DATA, -ENODATA, "the compressed data end too early");
	d->in = (ZSTD_inBuffer){ .src = d->piece, .size = (size_t)n };
	return 0;
}

int zstd_reader_get(struct zstd_reader *d, void *data, size_t len, struct err **err)
{
	ZSTD_outBuffer out = { .dst = data, .size = len };
	while (out.pos < len) {
		if (d->ended)
			return FAIL(err, ERR_DATA, -ENODATA, "its content ends too early");
		size_t before = out.pos;
		size_t left = d->z.decompressStream(d->context, &out, &d->in);
		if (d->z.isError(left))
			return FAIL(err, ERR_DATA, -EBADMSG, "the compressed data are damaged: %s",
				    d->z.getErrorName(left));
		d->ended = left == 0;
		/* The library may still have output of the input that it has. It gets more input when it has none. */
		int r = d->ended || out.pos > before || d->in.pos < d->in.size ? 0 : refill(d, err);
		if (r < 0)
			return r;
	}
	return 0;
}

void zstd_reader_free(struct zstd_reader *d)
{
	if (d && d->context)
		d->z.freeDCtx(d->context);
	free(d);
}
