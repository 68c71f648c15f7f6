/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel.h -- kernels as users name them, and as the runner needs them. */
#ifndef KTSTR_KERNEL_KERNEL_H
#define KTSTR_KERNEL_KERNEL_H

#include "kernel/cache.h"
#include "kernel/ref.h"
#include "kernel/unpack.h"

/* The configuration file for a tree that ktstr builds in place. The user's own .config beside it is not changed. */
#define TREE_CONFIG_IN_PLACE ".config.ktstr"

/* What one kernel is made from. */
enum kernel_id_kind {
	KERNEL_ID_TREE,	   /* a source directory */
	KERNEL_ID_TARBALL, /* a local .tar.xz, .tar.gz or .tar.zst */
	KERNEL_ID_RELEASE, /* a version that is downloaded */
	KERNEL_ID_PACKAGE, /* a Debian source package that apt downloads */
	KERNEL_ID_GIT,	   /* a commit that is fetched */
	KERNEL_ID_CACHED,  /* a key of an entry in the cache */
	KERNEL_ID_IMAGE,   /* bootable without a build: an image, or a built tree */
	KERNEL_ID_ABSENT,  /* no Debian suite offers it: its tests are skipped */
};

struct kernel_id {
	enum kernel_id_kind kind;
	char *path;	 /* tree, tarball, image */
	char *key;	 /* cached; release: its key in the cache */
	char *version;	 /* release, package */
	char *package;	 /* package: "linux-source-7.3=7.3.4-1" */
	char *why;	 /* absent: the reason */
	char **urls;	 /* release: addresses of its tarball, tried in order; NULL-terminated */
	char sha256[65]; /* release: checksum of the tarball; "" if unknown */
	char *url, *ref; /* git */
	char hash[41];	 /* git: the commit that the ref names now */
};

/* Whether nothing has to be built before the kernel is booted or its tests are skipped. */
static inline bool kernel_id_is_ready(const struct kernel_id *id)
{
	return id->kind == KERNEL_ID_CACHED || id->kind == KERNEL_ID_IMAGE || id->kind == KERNEL_ID_ABSENT;
}

void kernel_id_done(struct kernel_id *id);
/* For REF_PATH and REF_DISTRO: identifies the file or directory. */
int kernel_id_from_path(const char *text, struct kernel_id *ret, struct err **err);
/* For REF_KEY; for REF_SERIES and REF_VERSION if the cache may answer. -ENOENT without an error: not cached. */
int kernel_id_from_cache(const struct cache *c, const struct kernel_ref *ref, struct kernel_id *ret, struct err **err);
/*
 * Returns "cached kernel 'KEY' is corrupt (...)" for an entry that would answer @ref, a REF_SERIES or REF_VERSION, if
 * it were intact. NULL: there is none. The caller frees the string.
 */
char *kernel_corrupt_entry(const struct cache *c, const struct kernel_ref *ref);
/*
 * The newest valid entry that has our configuration. -ENOENT without an error: there is none. @ret_stale: the number of
 * entries that are unsuitable only because they have another configuration.
 */
int kernel_id_newest(const struct cache *c, struct kernel_id *ret, size_t *ret_stale, struct err **err);
/*
 * For REF_DEFAULT, without a build: KTSTR_TEST_KERNEL, else the newest usable entry of the cache, else ./linux,
 * ../linux, or this machine's running kernel (/lib/modules, /boot).
 */
int kernel_id_default(const struct cache *c, struct kernel_id *ret, struct err **err);
/* The distribution's own kernel source: the newest linux-source-*.tar.xz in @dir (NULL: /usr/src). */
int kernel_distro_tarball(const char *dir, char **ret, struct err **err);

/* A kernel that can be booted. */
struct kernel {
	char *label; /* suffix of test names: "kernel_6_12_117" */
	char *version;
	char *key;	  /* cache key; NULL for a tree used in place */
	char *name;	  /* argument of --kernel that names this kernel again: the key, or the tree's path */
	char *commit;	  /* commit of the local tree, 7 digits, and "-dirty" if files differ; or NULL */
	enum arch arch;	  /* of an image that was named: this machine's */
	char *boot;	  /* the file for a direct boot: vmlinux if it has a PVH entry, else the image */
	char *bzimage;	  /* x86-64: the image that unpacks and moves the kernel; NULL: there is none */
	char *schedulers; /* directory with the tree's own schedulers, or NULL */
	char *kit;	  /* directory of a payload's kit: the entry, the tree's tools/testing, or KTSTR_KIT */
	bool image;	  /* an image that was found or named, neither a tree nor from the cache */
	char *absent;	  /* why the kernel is not available, so its tests are skipped; NULL: it is available */
	bool no_scx;	  /* known to be built without sched_ext */
	bool no_kaslr;	  /* known to be built without CONFIG_RANDOMIZE_BASE */
	bool no_disk, no_ext4, no_network; /* known to be built without the driver of a test's device */
	bool serial_smp;		   /* known to start its processors one by one: no CONFIG_HOTPLUG_PARALLEL */
};

int kernel_from_cache(const struct cache *c, const char *key, struct kernel *ret, struct err **err);
int kernel_from_tree(const char *tree, struct kernel *ret, struct err **err);
/* An image file that is booted unchanged. Its missing options are known only if its configuration is in /boot. */
int kernel_from_image(const char *path, struct kernel *ret, struct err **err);
/* Whether @dir has a configuration @file that lacks @option. */
bool kernel_lacks(const char *dir, const char *file, const char *option);
/* Sets no_scx and the drivers that are missing, by the configuration @file in @dir. */
void kernel_find_lacks(struct kernel *k, const char *dir, const char *file);
/* For KERNEL_ID_ABSENT: a kernel with only a name and the reason. */
int kernel_from_absent(const struct kernel_id *id, struct kernel *ret);
void kernel_done(struct kernel *k);
/* @prefix and @text in lower case, with '_' for every character outside [a-z0-9]. */
char *kernel_label(const char *prefix, const char *text);
/* A label such as "kernel_path_linux_b5562c". Ends in "_dirty" if the tree is not a clean checkout. */
char *kernel_tree_label(const char *tree, bool dirty);
/* The version of a source tree, configured or not. */
int kernel_tree_version(const char *tree, char ret[VERSION_TEXT_MAX], struct err **err);

#endif
