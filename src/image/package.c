/* SPDX-License-Identifier: GPL-2.0-only */
/* package.c -- see package.h. */
#include "image/package.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/library.h"

#define LIBARCHIVE     "libarchive.so.13"
#define FILE_BYTES_MAX ((size_t)512 << 20)
#define BASE64_LINE    57 /* bytes that make 76 characters */

/* clang-format off */
#define ARCHIVE_FUNCTIONS(X) \
	X(archive_write_new) X(archive_write_add_filter_gzip) X(archive_write_set_options) \
	X(archive_write_set_format_ustar) X(archive_write_open) X(archive_write_header) X(archive_write_data) \
	X(archive_write_close) X(archive_write_free) X(archive_entry_new) X(archive_entry_free) \
	X(archive_entry_set_pathname) X(archive_entry_set_size) X(archive_entry_set_perm) \
	X(archive_entry_set_filetype) X(archive_error_string)
/* clang-format on */
#define SLOT(name) __typeof__(name) *name;
#define NAME(name) #name,
struct archive_api {
	ARCHIVE_FUNCTIONS(SLOT)
};
static const char *const names[] = { ARCHIVE_FUNCTIONS(NAME) NULL };

struct package {
	struct archive_api lib;
	struct archive *to;
	struct buf out;
};

static la_ssize_t take_bytes(struct archive *a, void *data, const void *bytes, size_t len)
{
	struct package *p = data;
	(void)a;
	buf_append(&p->out, bytes, len);
	return p->out.failed ? -1 : (la_ssize_t)len;
}

static int archive_failed(struct package *p, struct err **err)
{
	const char *why = p->lib.archive_error_string(p->to);
	return FAIL(err, ERR_DATA, -EIO, "make the archive: %s", why ? why : "unknown error");
}

int package_new(struct package **ret, struct err **err)
{
	_cleanup_(package_free_p) struct package *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	int r = library_open(LIBARCHIVE, names, &p->lib, err);
	if (r < 0)
		return r;
	p->to = p->lib.archive_write_new();
	if (!p->to)
		return -ENOMEM;
	/* Without the time, the same files make the same archive. */
	if (p->lib.archive_write_add_filter_gzip(p->to) || p->lib.archive_write_set_options(p->to, "gzip:!timestamp") ||
	    p->lib.archive_write_set_format_ustar(p->to) || p->lib.archive_write_open(p->to, p, NULL, take_bytes, NULL))
		return archive_failed(p, err);
	*ret = TAKE_PTR(p);
	return 0;
}

void package_free(struct package *p)
{
	if (p && p->to)
		p->lib.archive_write_free(p->to);
	if (p)
		buf_done(&p->out);
	free(p);
}

int package_add_text(struct package *p, const char *text, size_t len, const char *to, struct err **err)
{
	struct archive_entry *e = p->lib.archive_entry_new();
	if (!e)
		return -ENOMEM;
	p->lib.archive_entry_set_pathname(e, to);
	p->lib.archive_entry_set_size(e, (la_int64_t)len);
	p->lib.archive_entry_set_perm(e, 0755);
	p->lib.archive_entry_set_filetype(e, S_IFREG);
	bool failed = p->lib.archive_write_header(p->to, e) != ARCHIVE_OK ||
		      (len && p->lib.archive_write_data(p->to, text, len) != (la_ssize_t)len);
	p->lib.archive_entry_free(e);
	return failed ? archive_failed(p, err) : 0;
}

int package_add_file(struct package *p, const char *from, const char *to, struct err **err)
{
	_cleanup_buf_ struct buf data = BUF_NULL;
	int r = file_read(from, FILE_BYTES_MAX, &data, err);
	return r == 0 ? package_add_text(p, buf_str(&data), data.len, to, err) : r;
}

int package_finish(struct package *p, struct buf *ret, struct err **err)
{
	if (p->lib.archive_write_close(p->to) != ARCHIVE_OK)
		return archive_failed(p, err);
	buf_append(ret, p->out.data, p->out.len);
	return ret->failed ? -ENOMEM : 0;
}

void base64_lines(const struct buf *data, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *in = (const unsigned char *)buf_str(data);
	for (size_t at = 0; at < data->len; at += 3) {
		size_t n = MIN_OF(data->len - at, (size_t)3);
		uint32_t bits = (uint32_t)in[at] << 16 | (n > 1 ? in[at + 1] << 8 : 0) | (n > 2 ? in[at + 2] : 0);
		const char quad[4] = { digits[bits >> 18], digits[bits >> 12 & 63],
				       n > 1 ? digits[bits >> 6 & 63] : '=', n > 2 ? digits[bits & 63] : '=' };
		buf_append(out, quad, 4);
		if ((at + 3) % BASE64_LINE == 0 || at + 3 >= data->len)
			buf_puts(out, "\n");
	}
}
