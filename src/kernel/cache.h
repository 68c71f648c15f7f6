/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cache.h -- built kernels on disk.
 *
 * {root}/{key}/ holds the image, the stripped vmlinux, metadata.json and, where they were built, the kernel tree's own
 * schedulers with what is needed to build more. An entry appears by one rename, complete and synced. {root}/.locks/ has
 * a lock file a key; {root}/.tmp-{key}-{pid}/ is work in progress, swept when its pid is dead.
 */
#ifndef KTSTR_KERNEL_CACHE_H
#define KTSTR_KERNEL_CACHE_H

#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "lock/local.h"

#define KERNEL_ARCH	    "x86_64"
#define KERNEL_IMAGE_NAME   "bzImage"
#define KERNEL_VMLINUX_NAME "vmlinux"
#define CACHE_ENTRIES_MAX   4096

enum kconfig_status { KCONFIG_MATCHES, KCONFIG_STALE, KCONFIG_UNTRACKED };

struct cache_entry {
	char *key, *path;
	char *version, *source, *arch, *built_at; /* of a valid entry */
	char *image_name;
	uint32_t kconfig_hash, config_hash;
	bool has_kconfig_hash, has_vmlinux, vmlinux_stripped, has_schedulers, has_selftests;
	uint64_t objects;	 /* compiled; 0: not recorded */
	bool other_ktstr;	 /* another version of ktstr built it */
	bool variant;		 /* not the plain lean configuration: extra or other base */
	char *git_url, *git_ref; /* of source "git" */
	enum kconfig_status status;
	const char *error_kind; /* corrupt: one word for scripts; NULL: valid */
	char *error;
};

struct cache {
	char *root;
	fs_magic_fn *magic; /* tests: what the file system says that it is; NULL: ask it */
};

/* KTSTR_CACHE_DIR, else $XDG_CACHE_HOME/ktstr/kernels, else $HOME/.cache/ktstr/kernels; the error says which was odd.
 */
int cache_open(struct cache *ret, struct err **err);
void cache_done(struct cache *c);
/* Other cached things live beside the kernels: "$XDG_CACHE_HOME/ktstr/@name". NULL when there is no home. */
char *cache_sibling(const char *name);

/* Every entry, newest first, corrupt ones last; for entries_free(). */
int cache_list(const struct cache *c, struct cache_entry **ret, size_t *ret_count, struct err **err);
/* One entry; -ENOENT when there is none. A corrupt one is returned with its error_kind. */
int cache_get(const struct cache *c, const char *key, struct cache_entry *ret);
/*
 * Whether image and vmlinux of a valid entry are still what was stored, -EBADMSG when not. Reads them when they are
 * first used in a boot of the host, or were changed. Blocks.
 */
int cache_check_entry(const struct cache_entry *e, struct err **err);
void entry_done(struct cache_entry *e);
void entries_free(struct cache_entry *e, size_t count);

int cache_check_key(const char *key, struct err **err);
/* How far a work directory has got: what is there and whole. */
enum work_stage { WORK_EMPTY, WORK_FETCHED, WORK_UNPACKED, WORK_BUILT };

/*
 * Directory for work on @name, on the cache's own file system, so that publishing is a rename. Takes over what a
 * process that is no more has left of the same work, and says how far that had got. The lock of @name must be held.
 * Blocks.
 */
int cache_workdir(const struct cache *c, const char *name, char **ret, enum work_stage *ret_stage, struct err **err);
/* Removes it all; whoever is killed half-way leaves nothing that looks whole. NULL: nothing to do. Blocks. */
int cache_work_remove(const char *workdir, struct err **err);
/* Notes that @stage is reached, in one rename. */
int cache_work_mark(const char *workdir, enum work_stage stage, struct err **err);
/* Swaps the finished directory @dir in as @key. */
int cache_publish(const struct cache *c, const char *key, const char *dir, struct err **err);
/* Takes the lock of @name without waiting: a descriptor, or -EBUSY; who has it is in @holder then ("pid 17 (make)"). */
int cache_lock(const struct cache *c, const char *name, int *ret_fd, char *holder, size_t size, struct err **err);
/*
 * Removes work of processes that are no more: of kernels that the cache has by now, and what is older than a day (@all:
 * everything). Blocks.
 */
void cache_sweep(const struct cache *c, bool all);
/* Removes an entry, under its lock: -EBUSY when somebody builds it. */
int cache_remove(const struct cache *c, const char *key, struct err **err);

#endif
