/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cache.h -- built kernels on disk.
 *
 * {root}/{key}/ holds the image, the stripped vmlinux, a table of the lines of its scheduler, and metadata.json. If the
 * kernel tree's own schedulers were built, the entry also holds them and the files that compile further ones. An entry
 * appears by one rename, complete and synced. {root}/.locks/ has one lock file per key. {root}/.tmp-{key}-{pid}/ is a
 * work directory; it is swept when its pid is dead.
 */
#ifndef KTSTR_KERNEL_CACHE_H
#define KTSTR_KERNEL_CACHE_H

#include <stdint.h>
#include <time.h>

#include "base/arch.h"
#include "base/err.h"
#include "lock/local.h"

#define KERNEL_VMLINUX_NAME "vmlinux"
#define KERNEL_LINES_NAME   "sched.lines" /* source_lines.h; not in entries of older versions */
#define CACHE_ENTRIES_MAX   4096

enum kconfig_status { KCONFIG_MATCHES, KCONFIG_STALE, KCONFIG_UNTRACKED };

struct cache_entry {
	char *key, *path;
	char *version, *source, *arch, *built_at; /* of a valid entry */
	char *image_name;
	uint32_t kconfig_hash, config_hash;
	bool has_kconfig_hash, has_vmlinux, vmlinux_stripped, has_schedulers, has_selftests;
	uint64_t objects;	 /* object files compiled; 0: not recorded */
	bool other_ktstr;	 /* built by another version of ktstr */
	bool variant;		 /* not the plain lean configuration: it has extra options or another base */
	char *git_url, *git_ref; /* when `source` is "git" */
	enum kconfig_status status;
	const char *error_kind; /* one word for scripts, of a corrupt entry; NULL: valid */
	char *error;
};

struct cache {
	char *root;
	enum arch arch;	    /* kernels that answer references, and that are built, have this architecture */
	fs_magic_fn *magic; /* tests replace the query of the file system's type; NULL: ask the file system */
};

/*
 * Opens KTSTR_CACHE_DIR, else $XDG_CACHE_HOME/ktstr/kernels, else $HOME/.cache/ktstr/kernels, for this machine's
 * architecture. The error names the
 * variable that is invalid.
 */
int cache_open(struct cache *ret, struct err **err);
void cache_done(struct cache *c);
/* The path of another cache beside the kernels: "$XDG_CACHE_HOME/ktstr/@name". NULL when there is no home directory. */
char *cache_sibling(const char *name);
/* The same with an error that says why there is none. The caller frees *@ret. */
int cache_sibling_find(const char *name, char **ret, struct err **err);

/* Lists all entries, newest first, corrupt ones last. Free the list with entries_free(). */
int cache_list(const struct cache *c, struct cache_entry **ret, size_t *ret_count, struct err **err);
/* Reads one entry; -ENOENT when there is none. A corrupt entry is returned with its error_kind set. */
int cache_get(const struct cache *c, const char *key, struct cache_entry *ret);
/*
 * Checks that image and vmlinux of a valid entry still match their checksums; -EBADMSG when they do not. Reads the
 * files only on their first use since the host booted, or after they changed. Blocks.
 */
int cache_check_entry(const struct cache_entry *e, struct err **err);
void entry_done(struct cache_entry *e);
void entries_free(struct cache_entry *e, size_t count);

int cache_check_key(const char *key, struct err **err);
/* How far the work in a work directory has got. Everything up to this stage is complete. */
enum work_stage { WORK_EMPTY, WORK_FETCHED, WORK_UNPACKED, WORK_BUILT };

/*
 * Returns a work directory for @name on the cache's file system, so that publishing is one rename. Takes over the work
 * directory that a dead process left for @name, and returns the stage that it had reached. The caller must hold the
 * lock of @name. Blocks.
 */
int cache_workdir(const struct cache *c, const char *name, char **ret, enum work_stage *ret_stage, struct err **err);
/*
 * Removes the work directory. If this process is killed half-way, the rest is not mistaken for complete work. NULL:
 * does nothing. Blocks.
 */
int cache_work_remove(const char *workdir, struct err **err);
#define CACHE_WORK_TREE "src" /* the kernel's sources in a work directory */
/* The part of @path below the sources of some work directory; @path, if it is in none. */
const char *cache_work_source(const char *path);
/* Records by one rename that @stage is reached. */
int cache_work_mark(const char *workdir, enum work_stage stage, struct err **err);
/* Renames the finished directory @dir to entry @key. An existing entry is swapped out. */
int cache_publish(const struct cache *c, const char *key, const char *dir, struct err **err);
/*
 * Takes the lock of @name without waiting. Returns a descriptor, or -EBUSY and the lock's owner in @holder, such as
 * "pid 17 (make)".
 */
int cache_lock(const struct cache *c, const char *name, int *ret_fd, char *holder, size_t size, struct err **err);
/*
 * Removes work directories of dead processes: those whose kernel is in the cache by now, and those older than a day.
 * @all: removes all of them. Blocks.
 */
void cache_sweep(const struct cache *c, bool all);
/* Removes an entry, under its lock; -EBUSY when a build holds the lock. */
int cache_remove(const struct cache *c, const char *key, struct err **err);

#endif
