/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rootfs.h -- the small Linux around a test: what every guest has beside the programs that are brought along.
 * docs/GUEST.md says it to people. What PID 1 mounts and links at run time is in guest/init/setup.c.
 */
#ifndef KTSTR_IMAGE_ROOTFS_H
#define KTSTR_IMAGE_ROOTFS_H

#include <stdbool.h>
#include <stddef.h>

enum rootfs_kind { ROOTFS_DIR, ROOTFS_FILE, ROOTFS_LINK };

struct rootfs_entry {
	enum rootfs_kind kind;
	const char *path;    /* without a leading '/' */
	const char *content; /* of a file; a link's target */
};

extern const struct rootfs_entry rootfs_entries[];
extern const size_t rootfs_entry_count;

/* Names below /bin that are links to busybox, where it comes along; NULL-terminated. */
extern const char *const rootfs_applets[];

/* Where a guest's programs are looked for, beside /include-files. */
bool rootfs_is_in_path(const char *dir);

/*
 * Where the file with the absolute path @path on this machine is in the archive: at the same path, or below
 * ROOTFS_MOVED where the guest has something of its own in that place; then PID 1 puts a link to it at its path.
 * Without the leading '/'; the caller frees. NULL: out of memory.
 */
#define ROOTFS_MOVED "ktstr.files"
char *rootfs_place(const char *path);

#endif
