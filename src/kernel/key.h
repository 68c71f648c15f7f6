/* SPDX-License-Identifier: GPL-2.0-only */
/* key.h -- keys in the cache of kernels that are not built from a source tree. */
#ifndef KTSTR_KERNEL_KEY_H
#define KTSTR_KERNEL_KEY_H

#include "kernel/kernel.h"

#define KERNEL_KEY_MAX 200

/* @variant: what is not the default configuration or compiler, as "-cc1234abcd"; "": nothing. */
void kernel_key_format(const struct kernel_id *id, const char *version, enum arch arch, const char *variant,
		       char ret[KERNEL_KEY_MAX]);
/*
 * Makes @id a KERNEL_ID_CACHED if the cache has what a build of it with the default configuration would make, with
 * @schedulers if the tree has any. Otherwise its version is known afterwards, except that of a commit. Reads the
 * beginning of a tarball. Source trees stay as they are. Blocks.
 */
int kernel_id_look_up(const struct cache *c, struct kernel_id *id, bool schedulers, struct err **err);

#endif
