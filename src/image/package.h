/* SPDX-License-Identifier: GPL-2.0-only */
/* package.h -- a compressed archive (tar, gzip) in memory, of files of this machine and of texts. */
#ifndef KTSTR_IMAGE_PACKAGE_H
#define KTSTR_IMAGE_PACKAGE_H

#include "base/buf.h"
#include "base/err.h"

struct package;

/* -ELIBACC: libarchive is not installed. */
int package_new(struct package **ret, struct err **err);
void package_free(struct package *p);
DEFINE_CLEANUP(struct package *, package_free)

/* Every entry has mode 0755 and no owner or time, so that the same files make the same archive. */
int package_add_file(struct package *p, const char *from, const char *to, struct err **err);
int package_add_text(struct package *p, const char *text, size_t len, const char *to, struct err **err);
/* Ends the archive. */
int package_finish(struct package *p, struct buf *ret, struct err **err);

/* Appends @data in base64, in lines of 76 characters. */
void base64_lines(const struct buf *data, struct buf *out);

#endif
