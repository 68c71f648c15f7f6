/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel.h -- kernels as people name them, and as the runner needs them. */
#ifndef KTSTR_KERNEL_KERNEL_H
#define KTSTR_KERNEL_KERNEL_H

#include "kernel/cache.h"
#include "kernel/unpack.h"

/* What an identifier names. */
enum kernel_id_kind {
	KERNEL_ID_TREE,		/* a source directory */
	KERNEL_ID_TARBALL,	/* a local .tar.xz, .tar.gz or .tar.zst */
	KERNEL_ID_CACHED,	/* a cache key, or a version that is in the cache */
};

struct kernel_id {
	enum kernel_id_kind kind;
	char *path;		/* tree, tarball */
	char *key;		/* cached */
};

/*
 * `distro`, a path, a tarball's name, a cache key, or a version in the cache (exact, or a series such as 6.12: its
 * newest patch). NULL: the newest valid entry of the cache.
 */
int kernel_identify(const struct cache *c, const char *text, struct kernel_id *ret, struct err **err);
void kernel_id_done(struct kernel_id *id);
/* The distribution's own source package: the newest linux-source-*.tar.xz in @dir (NULL: /usr/src). */
int kernel_distro_tarball(const char *dir, char **ret, struct err **err);

/* A kernel that can be booted. */
struct kernel {
	char *label;		/* suffix of test names: "kernel_6_12_117" */
	char *version;
	char *key;		/* cache key; NULL for a tree used in place */
	char *boot;		/* the file that a direct boot takes: vmlinux with a PVH entry, else the bzImage */
	char *schedulers;	/* directory with the tree's own schedulers, or NULL */
};

int kernel_from_cache(const struct cache *c, const char *key, struct kernel *ret, struct err **err);
int kernel_from_tree(const char *tree, struct kernel *ret, struct err **err);
void kernel_done(struct kernel *k);
/* "kernel_" and @text in lower case, everything but [a-z0-9] as '_'. */
char *kernel_label(const char *prefix, const char *text);
/* Version of a configured or pristine source tree. */
int kernel_tree_version(const char *tree, char ret[VERSION_TEXT_MAX], struct err **err);

#endif
