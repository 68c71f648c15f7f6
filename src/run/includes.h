/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * includes.h -- finds the host files that a guest gets under /include-files: include files of the test, configurations
 * of its schedulers, programs of its payloads, and their include files. Reads the disk, so it runs on the offload pool.
 */
#ifndef KTSTR_RUN_INCLUDES_H
#define KTSTR_RUN_INCLUDES_H

#include "image/image.h"
#include "run/suite.h"

#define INCLUDES_MAX	   1024
#define INCLUDES_DEPTH_MAX 16  /* of nested directories */
#define INCLUDES_MIB_MAX   768 /* total size; limited because an initramfs is made and unpacked in memory */

struct includes {
	struct image_include item[INCLUDES_MAX]; /* both strings owned */
	size_t count;
	uint64_t bytes; /* total size */
};

/*
 * Lists all files in the order of the declarations, files of a directory sorted by name, without duplicates. @kit: as
 * in struct kernel, or NULL. On failure *ret is empty. -ENOENT: a file is missing; -EEXIST: two files would have the
 * same path in the guest; -EINVAL: neither a regular file nor a directory; -EFBIG: the files are too large.
 */
int includes_resolve(const struct test_decl *t, const char *kit, struct includes *ret, struct err **err);
/* The same for one file or directory, beside those that are there already. *@i stays valid on failure. */
int includes_add(struct includes *i, const char *name, struct err **err);
/* Adds the file @from as @to, a path in the guest without a leading '/'. */
int includes_add_as(struct includes *i, const char *from, const char *to, struct err **err);
/* The directories of the guest below /include-files that have a program, for its PATH: "/include-files:..." */
char *includes_path(const struct includes *i);
void includes_done(struct includes *i);

/* Total size of a test's files in MiB, rounded up; 0 if includes_resolve() fails. */
uint64_t includes_mib(const struct test_decl *t, const char *kit);

/* Does the kernel's kit have all that the test's payloads need from it? If not, @why is the reason for a Skip. */
bool includes_kit_complete(const struct test_decl *t, const char *kit, char *why, size_t size);

#endif
