/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * includes.h -- which files of the host a test finds in its guest under /include-files: its own include files, its
 * payloads' programs, and their include files. Looks at the disk; for the offload pool.
 */
#ifndef KTSTR_RUN_INCLUDES_H
#define KTSTR_RUN_INCLUDES_H

#include "image/image.h"
#include "run/suite.h"

#define INCLUDES_MAX	   1024
#define INCLUDES_DEPTH_MAX 16  /* of directories in a directory */
#define INCLUDES_MIB_MAX   768 /* of all together: an initramfs is made and unpacked in memory */

struct includes {
	struct image_include item[INCLUDES_MAX]; /* both strings owned */
	size_t count;
	uint64_t bytes; /* of all of them */
};

/*
 * All of them, in the order of the declarations, directories by name. What is named twice is there once. -ENOENT names
 * what is missing; -EEXIST two files that would be one in the guest; -EINVAL what is neither a regular file nor a
 * directory; -EFBIG says that they are too large. @kit: struct kernel's, or NULL. On failure *ret is empty.
 */
int includes_resolve(const struct test_decl *t, const char *kit, struct includes *ret, struct err **err);
void includes_done(struct includes *i);

/* How large the files of a test are together, in MiB, rounded up; 0 where includes_resolve() would fail. */
uint64_t includes_mib(const struct test_decl *t, const char *kit);

/* Whether the kernel's kit has what the test's payloads want of it; false with a reason: the test is a Skip. */
bool includes_kit_complete(const struct test_decl *t, const char *kit, char *why, size_t size);

#endif
