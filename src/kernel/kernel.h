/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel.h -- kernels as people name them, and as the runner needs them. */
#ifndef KTSTR_KERNEL_KERNEL_H
#define KTSTR_KERNEL_KERNEL_H

#include "kernel/cache.h"
#include "kernel/ref.h"
#include "kernel/unpack.h"

/* The configuration of a tree that ktstr builds in place, beside the user's own .config, which stays as it is. */
#define TREE_CONFIG_IN_PLACE ".config.ktstr"

/* What one kernel is made from. */
enum kernel_id_kind {
	KERNEL_ID_TREE,	   /* a source directory */
	KERNEL_ID_TARBALL, /* a local .tar.xz, .tar.gz or .tar.zst */
	KERNEL_ID_RELEASE, /* a version that is downloaded */
	KERNEL_ID_PACKAGE, /* a Debian source package that apt downloads */
	KERNEL_ID_GIT,	   /* a commit that is fetched */
	KERNEL_ID_CACHED,  /* a key that is in the cache */
	KERNEL_ID_IMAGE,   /* bootable as it is: an image, or a tree that is built */
	KERNEL_ID_ABSENT,  /* nobody offers it: its tests are skipped */
};

struct kernel_id {
	enum kernel_id_kind kind;
	char *path;	 /* tree, tarball, image */
	char *key;	 /* cached; release: its key in the cache */
	char *version;	 /* release, package */
	char *package;	 /* package: "linux-source-7.3=7.3.4-1" */
	char *why;	 /* absent: the reason */
	char **urls;	 /* release: of its tarball, tried in order; NULL-terminated */
	char sha256[65]; /* release: of the tarball; "" where nothing vouches for it */
	char *url, *ref; /* git */
	char hash[41];	 /* git: the commit that the ref names now */
};

/* There is nothing to build before it can be booted, or before its tests are skipped. */
static inline bool kernel_id_is_ready(const struct kernel_id *id)
{
	return id->kind == KERNEL_ID_CACHED || id->kind == KERNEL_ID_IMAGE || id->kind == KERNEL_ID_ABSENT;
}

void kernel_id_done(struct kernel_id *id);
/* For REF_PATH and REF_DISTRO: what stands there. */
int kernel_id_from_path(const char *text, struct kernel_id *ret, struct err **err);
/* For REF_KEY, and for REF_SERIES and REF_VERSION where the cache is to answer: -ENOENT without an error when not in
 * it. */
int kernel_id_from_cache(const struct cache *c, const struct kernel_ref *ref, struct kernel_id *ret, struct err **err);
/*
 * "cached kernel 'KEY' is corrupt (...)" for an entry that would answer @ref, REF_SERIES or REF_VERSION, were it whole;
 * NULL: there is none. The caller frees it.
 */
char *kernel_corrupt_entry(const struct cache *c, const struct kernel_ref *ref);
/* The newest entry that is valid and has our configuration: -ENOENT without an error when there is none; @ret_stale
 * counts those that only have another configuration. */
int kernel_id_newest(const struct cache *c, struct kernel_id *ret, size_t *ret_stale, struct err **err);
/*
 * For REF_DEFAULT, without building anything: KTSTR_TEST_KERNEL, the newest usable entry of the cache, ./linux,
 * ../linux, the kernel that this machine runs (/lib/modules, /boot).
 */
int kernel_id_default(const struct cache *c, struct kernel_id *ret, struct err **err);
/* The distribution's own source package: the newest linux-source-*.tar.xz in @dir (NULL: /usr/src). */
int kernel_distro_tarball(const char *dir, char **ret, struct err **err);

/* A kernel that can be booted. */
struct kernel {
	char *label; /* suffix of test names: "kernel_6_12_117" */
	char *version;
	char *key;	  /* cache key; NULL for a tree used in place */
	char *name;	  /* what --kernel takes to mean this kernel again: the key, or the tree's path */
	char *commit;	  /* of the local tree it is from, 7 digits, and "-dirty" where files differ; or NULL */
	char *boot;	  /* the file that a direct boot takes: vmlinux with a PVH entry, else the bzImage */
	char *schedulers; /* directory with the tree's own schedulers, or NULL */
	char *kit;	  /* where a payload's kit is: the entry, the tree's tools/testing, or KTSTR_KIT */
	bool image;	  /* an image that was found or named, not a tree and not from the cache */
	char *absent;	  /* why it is not to be had: its tests are skipped; NULL: it is there */
	bool no_scx;	  /* it is known to be built without sched_ext */
	bool serial_smp;  /* it is known to bring its processors up one by one: no CONFIG_HOTPLUG_PARALLEL */
};

int kernel_from_cache(const struct cache *c, const char *key, struct kernel *ret, struct err **err);
int kernel_from_tree(const char *tree, struct kernel *ret, struct err **err);
/* An image file that is booted as it is; what it lacks is known where its configuration is in /boot. */
int kernel_from_image(const char *path, struct kernel *ret, struct err **err);
/* Is a configuration @file in @dir, without @option? */
bool kernel_lacks(const char *dir, const char *file, const char *option);
/* For KERNEL_ID_ABSENT: a kernel that only has a name, and the reason. */
int kernel_from_absent(const struct kernel_id *id, struct kernel *ret);
void kernel_done(struct kernel *k);
/* "kernel_" and @text in lower case, everything but [a-z0-9] as '_'. */
char *kernel_label(const char *prefix, const char *text);
/* "kernel_path_linux_b5562c", with "_dirty" for a tree that is no clean checkout. */
char *kernel_tree_label(const char *tree, bool dirty);
/* Version of a configured or pristine source tree. */
int kernel_tree_version(const char *tree, char ret[VERSION_TEXT_MAX], struct err **err);

#endif
