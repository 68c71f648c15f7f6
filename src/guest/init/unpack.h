/* SPDX-License-Identifier: GPL-2.0-only */
/* unpack.h -- unpacks an image that a clone got. */
#ifndef KTSTR_GUEST_INIT_UNPACK_H
#define KTSTR_GUEST_INIT_UNPACK_H

#include <stddef.h>

#define UNPACK_BYTES_MAX ((size_t)1 << 30) /* of an image, unpacked */

/*
 * Unpacks an initramfs image (cpio archives, plain or as LZ4 legacy streams: image/image.h) below the directory @root,
 * without "init". Returns -EBADMSG for an invalid image and keeps the files unpacked so far.
 */
int unpack_image(const void *image, size_t len, int root);

#endif
