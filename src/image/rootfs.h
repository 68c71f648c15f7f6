/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rootfs.h -- the small Linux around a test: what every guest has beside the programs of the test.
 * docs/GUEST.md describes it for users. What PID 1 mounts and links at run time is in guest/init/setup.c.
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

/* Names in /bin that are links to busybox, if the guest has it; NULL-terminated. */
extern const char *const rootfs_applets[];

/* Is @dir in the guest's PATH? /include-files is, too, but this does not count it. */
bool rootfs_is_in_path(const char *dir);

/*
 * The archive's path for the file with the absolute path @path on this machine. It is the same path, or one below
 * ROOTFS_MOVED if the guest has something of its own in that place; PID 1 then makes a link at @path. Has no leading
 * '/'; the caller frees. NULL: out of memory.
 */
#define ROOTFS_MOVED "ktstr.files"
char *rootfs_place(const char *path);

#endif
