/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cpio.h -- writes initramfs archives: cpio, format "newc" (Linux: Documentation/driver-api/early-userspace/
 * buffer-format.rst). The same entries give the same bytes: no times, no owners, inodes numbered in order.
 */
#ifndef KTSTR_IMAGE_CPIO_H
#define KTSTR_IMAGE_CPIO_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct cpio {
	struct buf out; /* the archive; the caller takes it */
	unsigned inode;
};

#define CPIO_NULL ((struct cpio){ 0 })

void cpio_done(struct cpio *c);
/* Paths have no leading '/'. -EINVAL: the path has a ".." component or begins with ".ktstr_". */
int cpio_check_path(const char *path, struct err **err);
void cpio_dir(struct cpio *c, const char *path);
void cpio_file(struct cpio *c, const char *path, mode_t mode, const void *data, size_t len);
/* A symbolic link at @path. */
void cpio_link(struct cpio *c, const char *path, const char *target);
/* A file whose content the caller appends to `out`, exactly @len bytes, before it calls cpio_file_end(). */
void cpio_file_begin(struct cpio *c, const char *path, mode_t mode, size_t len);
void cpio_file_end(struct cpio *c);
void cpio_trailer(struct cpio *c);

#endif
