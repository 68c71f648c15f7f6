/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * holders.h -- who holds which lock: /proc/locks read once, inodes matched, processes described.
 *
 * All of this is a snapshot. A holder may end while it is read, and another process may then get its pid. A process
 * chooses its own command line, so that is treated as hostile text.
 */
#ifndef KTSTR_LOCK_HOLDERS_H
#define KTSTR_LOCK_HOLDERS_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"

#define CMDLINE_BYTES_MAX  160		/* of a cleaned command line, with its "..." */
#define PROCESS_LOOK_AGAIN NSEC_PER_SEC /* a process is read again after this time */
#define PROC_LOCKS_MAX	   ((size_t)16 << 20)

/* One granted flock(2). */
struct proc_lock {
	uint64_t ino;
	uint32_t major, minor;
	pid_t pid; /* of the process that took it; 0 or less: not in our pid namespace */
	bool exclusive;
};

/* The FLOCK lines of /proc/locks, without waiters. Malformed lines are left out. */
int proc_locks_parse(const char *text, struct proc_lock **ret, size_t *ret_count);

/*
 * One line for people and JSON: arguments separated by spaces; '?' for control characters (C1 too), for characters that
 * change the writing direction, and for bytes that are not UTF-8; cut at CMDLINE_BYTES_MAX.
 */
void cmdline_clean(const char *raw, size_t len, struct buf *out);

/* A process as it was at `looked_at`. */
struct process {
	pid_t pid;
	uint64_t start_ticks;	/* after boot; identifies a process together with the pid */
	int64_t start_realtime; /* nanoseconds of CLOCK_REALTIME, to about a clock tick */
	char *cmdline;		/* NULL: it has ended, or is not in our pid namespace */
	nsec_t looked_at;
	uint64_t *inode; /* of its open files; read on demand */
	size_t inodes;
	bool inodes_known;
	unsigned seen; /* frame in which it last held a lock */
};

/* Processes by pid, kept from frame to frame. */
struct process_table {
	char *proc;	      /* "/proc" */
	struct process *item; /* sorted by pid */
	size_t count, cap;
};

int process_table_init(struct process_table *t, const char *proc);
void process_table_done(struct process_table *t);
/* The entry of @pid, read again after PROCESS_LOOK_AGAIN. NULL: out of memory. Valid until the next call. */
struct process *process_get(struct process_table *t, pid_t pid, nsec_t now, unsigned frame);
/* Reads due entries again. True: a process has ended, its pid was reused, or its command line changed. */
bool process_table_renew(struct process_table *t, nsec_t now, unsigned frame);
/* Whether it may have the file open. False only when its descriptors were read and none refers to @ino. */
bool process_may_have(struct process_table *t, struct process *p, uint64_t ino);
/* Removes processes that were not seen in @frame. */
void process_table_sweep(struct process_table *t, unsigned frame);

#endif
