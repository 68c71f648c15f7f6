/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * flock.h -- lock files: one an LLC, one a CPU, in a directory that all ktstr processes of a host share.
 *
 * The locks are flock(2)'s: they end with their holder, however it ends, so files that lie about mean nothing. The
 * files are empty; their modification time is when the lock was last taken. Locks only mean something where every
 * process asks the same kernel: remote file systems are refused by name.
 *
 * Whoever holds locks also has the file "ktstr-release" open, and closes it last: that is an inotify event for those
 * who wait, whether the holder lets go or dies.
 */
#ifndef KTSTR_LOCK_FLOCK_H
#define KTSTR_LOCK_FLOCK_H

#include "lock/local.h"
#include "lock/plan.h"

#define LOCK_NAME_MAX	   80
#define RELEASE_EVENT_FILE "ktstr-release"
#define LOCK_DIR_USUAL	   "/tmp"

enum lock_mode { LOCK_MODE_SHARED, LOCK_MODE_EXCLUSIVE };

struct lock_dir {
	char *path;
	int fd;
};

#define LOCK_DIR_NULL ((struct lock_dir){ .fd = -1 })

/* KTSTR_LOCK_DIR, or /tmp. */
const char *lock_dir_path(void);
/* @magic: NULL for the real one. Refuses what is no directory, not there, or remote. */
int lock_dir_open(const char *path, fs_magic_fn *magic, struct lock_dir *ret, struct err **err);
void lock_dir_done(struct lock_dir *d);

const char *lock_name_llc(unsigned llc, char out[LOCK_NAME_MAX]);
const char *lock_name_cpu(unsigned cpu, char out[LOCK_NAME_MAX]);

/*
 * Takes the lock file @name without waiting, making it where there is none. 0 and a descriptor whose closing gives the
 * lock back; -EBUSY, with no error object, when someone else has it; other failures name the file.
 */
int lock_take(const struct lock_dir *d, const char *name, enum lock_mode mode, int *ret_fd, struct err **err);

/*
 * Makes the file of the release event where there is none, and an inotify descriptor that reads when it is closed by
 * someone.
 */
int release_event_watch(const struct lock_dir *d, int *ret_inotify, struct err **err);
/* For when that file was removed and made anew; harmless otherwise. */
void release_event_renew(const struct lock_dir *d, int inotify);

/* The locks of one plan. */
struct lock_set {
	int *fd;
	unsigned count;
	int release_event;
};

#define LOCK_SET_NULL ((struct lock_set){ .release_event = -1 })

/* All locks of @plan in ascending order, LLCs first, or none: -EBUSY, and the name of the first that was taken. */
int lock_set_take(const struct lock_dir *d, const struct cpu_plan *plan, struct lock_set *ret,
		  char ret_taken[LOCK_NAME_MAX], struct err **err);
/* Lets go of everything, then causes the release event. Harmless on LOCK_SET_NULL and a second time. */
void lock_set_release(struct lock_set *s);

#endif
