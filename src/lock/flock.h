/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * flock.h -- lock files: one per LLC and one per CPU, in a directory that all ktstr processes of a host share.
 *
 * The locks are flock(2) locks. They end with their holder, however it ends, so a leftover file locks nothing. The
 * files are empty; their modification time is when the lock was last taken. Processes on other machines may not see
 * flock(2) locks on a remote file system, so those file systems are refused by name.
 *
 * A process that holds locks also has the file "ktstr-release" open, and closes it last. Waiting processes get an
 * inotify event for that close, whether the holder releases its locks or dies.
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
/* @magic: NULL for the real one. Fails when @path is missing, not a directory, or on a remote file system. */
int lock_dir_open(const char *path, fs_magic_fn *magic, struct lock_dir *ret, struct err **err);
void lock_dir_done(struct lock_dir *d);

const char *lock_name_llc(unsigned llc, char out[LOCK_NAME_MAX]);
const char *lock_name_cpu(unsigned cpu, char out[LOCK_NAME_MAX]);

/*
 * Locks the file @name without waiting, and creates it where it is missing. 0 and a descriptor, whose close releases
 * the lock; -EBUSY, without an error object, when another process has it; other failures name the file.
 */
int lock_take(const struct lock_dir *d, const char *name, enum lock_mode mode, int *ret_fd, struct err **err);

/*
 * Creates the release event file where it is missing. The inotify descriptor becomes readable when a process closes it.
 */
int release_event_watch(const struct lock_dir *d, int *ret_inotify, struct err **err);
/* Watches the file again in case it was removed and created anew. */
void release_event_renew(const struct lock_dir *d, int inotify);

/* The locks of one plan. */
struct lock_set {
	int *fd;
	unsigned count;
	int release_event;
};

#define LOCK_SET_NULL ((struct lock_set){ .release_event = -1 })

/* Takes all locks of @plan in ascending order, LLCs first, or none: -EBUSY and the name of the first busy one. */
int lock_set_take(const struct lock_dir *d, const struct cpu_plan *plan, struct lock_set *ret,
		  char ret_taken[LOCK_NAME_MAX], struct err **err);
/* Releases all locks, then causes the release event. Does nothing on LOCK_SET_NULL or when repeated. */
void lock_set_release(struct lock_set *s);

#endif
